import type { EntraAppInternals } from "../exchange/entra-app.js";
import type { OnEvent } from "../errors.js";
import type { Keyring } from "../tokens/keyring.js";
import type { ProtectedResource } from "../tokens/protected-resource.js";
import type { SignInStore } from "./store.js";

/** What every part of sign-in works with: checked options, nothing that changes. */
export interface SignInCore {
  readonly app: EntraAppInternals;
  /** Where people reach the service: https (http on loopback only), without a trailing slash. */
  readonly publicUrl: string;
  readonly resources: readonly ProtectedResource[];
  readonly store: SignInStore;
  readonly keys: Keyring;
  /** Names the agent on pages and separates its records from another agent's. */
  readonly agent: string;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly onEvent: OnEvent | undefined;
}

/** What belongs to one principal at one agent, cloud and client: the binding of its sealed records. */
export function recordBinding({ agent, app }: SignInCore, principalKey: string): readonly string[] {
  return [agent, app.facts.cloud.loginEndpoint, app.facts.clientId, principalKey];
}
