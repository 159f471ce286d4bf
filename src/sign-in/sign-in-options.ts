import { clock, func, label, list, milliseconds, optional, orElse, record } from "../options/checks.js";
import { listener } from "../events/events.js";
import { nested, type Checked, type OptionTable } from "../options/option-table.js";
import { openAppOption } from "../exchange/entra-app.js";
import { keysOption } from "./keys/renewed-keys.js";
import { resourceOption } from "../sources/protected-resource.js";
import { chatAnswerOptions } from "./binding/answer.js";
import { signInAgentOptions, signingKeyOption } from "./link/agents.js";
import { publicUrlOption } from "./link/urls.js";
import { auditOptions } from "./audit/audit-record.js";
import { brandingOptions } from "./pages/branding.js";
import type { SignInBound, SignInPending } from "./sign-in-internals.js";
import type { SignInOptions } from "./sign-in.js";
import { storeOption } from "./stores/store.js";
import { languagesOption } from "./texts/languages.js";
import { runtimeOptions } from "../runtime/runtime.js";

type SignInDefaults = "longRunningMs" | "now" | "random";

/** The options of `createSignIn()`. */
export const signInOptions: OptionTable<SignInOptions, SignInDefaults> = {
  app: openAppOption,
  publicUrl: publicUrlOption,
  resources: list(resourceOption, 1),
  store: storeOption,
  encryptionKeys: keysOption,
  agentName: optional(label()),
  signingKey: optional(signingKeyOption),
  agents: optional(record(nested(signInAgentOptions))),
  branding: optional(nested(brandingOptions)),
  languages: languagesOption,
  longRunningMs: orElse(milliseconds(1, Number.MAX_SAFE_INTEGER), 24 * 3_600_000),
  answers: optional(nested(chatAnswerOptions)),
  audit: optional(nested(auditOptions)),
  onPending: optional(func<(event: SignInPending) => void>()),
  onSignedIn: optional(func<(event: SignInBound) => void>()),
  now: clock,
  random: runtimeOptions.random,
  onEvent: listener,
};

/** {@link SignInOptions}, checked and complete. */
export type SignInSettings = Checked<SignInOptions, SignInDefaults>;
