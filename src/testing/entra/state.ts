import type { Consents } from "./consents.js";
import type { Account, EntraApp } from "./directory-objects.js";
import type { Directory } from "./directory.js";
import type { SigningKeys } from "./keys.js";
import type { Issued } from "./issued.js";
import type { RequestLog } from "./log.js";
import type { EntraSettings } from "./option-checks.js";
import type { Policies } from "./policies.js";

/** What happened when the person signed in; goes with everything that follows from it. */
export interface SignIn {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** How often the user's sessions had been revoked by then. */
  readonly epoch: number;
  /** Policies (their ids) and authentication contexts ("c1") that it satisfied. */
  readonly satisfied: readonly string[];
  readonly sid: string;
}

export interface CodeGrant {
  readonly tenantId: string;
  readonly client: EntraApp;
  readonly account: Account;
  readonly signIn: SignIn;
  readonly scope: string;
  readonly redirectUri: string;
  readonly redirectType: "web" | "spa" | "native";
  readonly challenge?: string | undefined;
  readonly nonce?: string | undefined;
  readonly issuedAt: number;
  redeemed: boolean;
}

export interface RefreshGrant {
  readonly client: EntraApp;
  readonly account: Account;
  readonly signIn: SignIn;
  readonly scope: string;
  readonly redirectType: "web" | "spa" | "native";
  readonly issuedAt: number;
  /** When the first of the chain was issued: a single-page app's tokens live 24 hours from then. */
  readonly firstIssuedAt: number;
}

/** A browser: who is signed in there. */
export interface BrowserSession {
  readonly accounts: Map<string, { readonly account: Account; signIn: SignIn }>;
}

/** Everything one emulator knows. */
export interface EntraState {
  readonly options: EntraSettings;
  readonly directory: Directory;
  readonly keys: SigningKeys;
  readonly consents: Consents;
  readonly policies: Policies;
  readonly log: RequestLog;
  readonly issued: Issued;
  readonly codes: Map<string, CodeGrant>;
  readonly refreshTokens: Map<string, RefreshGrant>;
  readonly sessions: Map<string, BrowserSession>;
  /** Pages that are open: their request, by an id in the form. */
  readonly flows: Map<string, unknown>;
  /** How often each user's sessions were revoked, and when last; by home object id. */
  readonly revocations: Map<string, { epoch: number; at: number }>;
  readonly msiHeader: string;
  now(): number;
  /** Known once the server listens. */
  origin: string;
}

/** A sign-in of this moment. */
export function freshSignIn(
  state: EntraState,
  account: Account,
  satisfied: readonly string[],
  sid: string,
): SignIn {
  return { at: state.now(), epoch: state.revocations.get(account.user.oid)?.epoch ?? 0, satisfied, sid };
}

/** Keeps an entry, and of everything kept only the latest: an emulator may run for days. */
export function remember<V>(kept: Map<string, V>, key: string, value: V): void {
  kept.set(key, value);
  const oldest = kept.keys().next();
  if (kept.size > 50_000 && oldest.done !== true) kept.delete(oldest.value);
}
