import type { EntraAppInternals } from "../exchange/entra-app.js";
import type { OnEvent } from "../events/events.js";
import type { Keyring } from "../sealing/keyring.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { Auditor } from "./audit/auditor.js";
import type { SignInStore } from "./stores/store.js";

/** The checked options that every part of sign-in works with. */
export interface SignInContext {
  readonly app: EntraAppInternals;
  /** Where people reach the service: https (http on loopback only), without a trailing slash. */
  readonly publicUrl: string;
  readonly resources: readonly ProtectedResource[];
  /** With keyed names, and a timeout on each step. */
  readonly store: SignInStore;
  readonly keys: Keyring;
  /** Names the agent on pages and separates its records from those of other agents. */
  readonly agent: string;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly onEvent: OnEvent | undefined;
  readonly audit: Auditor;
}

/** What the sealed records of a principal are bound to: agent, cloud, client and principal. */
export function recordBinding({ agent, app }: SignInContext, principalKey: string): readonly string[] {
  return [agent, app.facts.cloud.loginEndpoint, app.facts.clientId, principalKey];
}
