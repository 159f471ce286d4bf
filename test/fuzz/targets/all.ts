import type { FuzzTarget } from "../target.js";
import { brokenAnswerTargets } from "./broken-answers.js";
import { challengeTargets } from "./challenges.js";
import { emulatorTargets } from "./emulators.js";
import { entraTargets } from "./entra.js";
import { errorTargets } from "./errors.js";
import { headerTargets } from "./headers.js";
import { lateAnswerTargets } from "./late-answers.js";
import { linkTargets } from "./links.js";
import { mcpServerTargets } from "./mcp-server.js";
import { runTargets } from "./runs.js";
import { serviceTargets } from "./services.js";
import { signInTargets } from "./sign-in.js";
import { withSizes } from "./sizes.js";
import { talkingServerTargets } from "./talking-servers.js";
import { tokenTargets } from "./tokens.js";
import { elicitationTargets } from "./elicitation.js";
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
  ...elicitationTargets,
  ...brokenAnswerTargets,
  ...talkingServerTargets,
  ...entraTargets,
  ...turnTargets,
  ...runTargets,
  ...mcpServerTargets,
  ...lateAnswerTargets,
  ...signInTargets,
  ...serviceTargets,
  ...emulatorTargets,
].map(withSizes);
