import { clock, func, label, list, milliseconds, optional, orElse, record } from "../options/checks.js";
import { listener } from "../events/events.js";
import { nested, type Checked, type OptionTable } from "../options/option-table.js";
import { openAppOption } from "../exchange/entra-app.js";
import { encryptionKeysOption } from "../sealing/keyring.js";
import { resourceOption } from "../sources/protected-resource.js";
import { signInAgentOptions, signingKeyOption } from "./link/agents.js";
import { publicUrlOption } from "./link/urls.js";
import type { SignInBound, SignInPending } from "./sign-in-internals.js";
import type { SignInOptions } from "./sign-in.js";
import { storeOption } from "./stores/store.js";
import { runtimeOptions } from "../runtime/runtime.js";

type SignInDefaults = "longRunningMs" | "now" | "random";

/** The options of `createSignIn()`. */
export const signInOptions: OptionTable<SignInOptions, SignInDefaults> = {
  app: openAppOption,
  publicUrl: publicUrlOption,
  resources: list(resourceOption, 1),
  store: storeOption,
  encryptionKeys: encryptionKeysOption,
  agentName: optional(label()),
  signingKey: optional(signingKeyOption),
  agents: optional(record(nested(signInAgentOptions))),
  longRunningMs: orElse(milliseconds(1, Number.MAX_SAFE_INTEGER), 24 * 3_600_000),
  onPending: optional(func<(event: SignInPending) => void>()),
  onSignedIn: optional(func<(event: SignInBound) => void>()),
  now: clock,
  random: runtimeOptions.random,
  onEvent: listener,
};

/** {@link SignInOptions}, checked and complete. */
export type SignInSettings = Checked<SignInOptions, SignInDefaults>;
