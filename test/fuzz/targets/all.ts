import type { FuzzTarget } from "../target.js";
import { challengeTargets } from "./challenges.js";
import { emulatorTargets } from "./emulators.js";
import { entraTargets } from "./entra.js";
import { errorTargets } from "./errors.js";
import { headerTargets } from "./headers.js";
import { linkTargets } from "./links.js";
import { mcpServerTargets } from "./mcp-server.js";
import { runTargets } from "./runs.js";
import { serviceTargets } from "./services.js";
import { signInTargets } from "./sign-in.js";
import { withSizes } from "./sizes.js";
import { tokenTargets } from "./tokens.js";
import { toolboxStreamTargets } from "./toolbox-stream.js";
import { turnTargets } from "./turn.js";

/** Every parser that meets outside bytes. */
export const targets: readonly FuzzTarget[] = [
  ...headerTargets,
  ...tokenTargets,
  ...challengeTargets,
  ...linkTargets,
  ...errorTargets,
  ...toolboxStreamTargets,
  ...entraTargets,
  ...turnTargets,
  ...runTargets,
  ...mcpServerTargets,
  ...signInTargets,
  ...serviceTargets,
  ...emulatorTargets,
].map(withSizes);
