import { createHash } from "node:crypto";
import { authorizeEndpoint } from "../../entra/clouds.js";
import type { SignInCore } from "../core.js";
import type { Browser } from "./browser.js";
import { signInUrls } from "./urls.js";

/** What a trip to Entra is for. */
export interface Errand {
  /** The text of the ticket; absent for the connections page, which only wants to know who is there. */
  readonly ticket?: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly claims?: string | undefined;
  readonly loginHint?: string | undefined;
}

/** An errand under way: what its return has to match. */
export interface Attempt extends Omit<Errand, "loginHint"> {
  readonly codeVerifier: string;
  readonly nonce: string;
}

/** What a `state` that came back is. */
export type Returned =
  | { readonly status: "matches"; readonly attempt: Attempt }
  | { readonly status: "foreign" | "replayed" | "expired" };

/** How long a person may take at Entra. */
const attemptMs = 15 * 60_000;

/**
 * Begins a trip to Entra and returns its URL. What the return needs stays here, under a name that only this
 * browser's cookie and the sealed `state` together give: each tab and each browser has its own.
 * Source: RFC 7636 (PKCE); RFC 9700 sections 2.1 and 4.7; OpenID Connect Core 3.1.2.1.
 */
export async function beginAttempt(core: SignInCore, browser: Browser, errand: Errand): Promise<string> {
  const { ticket, tenantId, scopes, claims } = errand;
  const [id, codeVerifier, nonce] = [16, 32, 16].map((length) => randomText(core, length)) as [
    string,
    string,
    string,
  ];
  const attempt: Attempt = {
    ...(ticket === undefined ? {} : { ticket }),
    tenantId,
    scopes,
    claims,
    codeVerifier,
    nonce,
  };
  const sealed = core.keys.seal("state", recordOf(core, browser, id), attempt);
  await core.store.setIfAbsent(keyOf(core, browser, id), sealed, attemptMs);
  const state = core.keys.seal("state", ["parameter", core.publicUrl, browser.id], { id, at: core.now() });
  return authorizeUrl(core, errand, attempt, state);
}

/** Ends the trip: the same `state` counts once. */
export async function endAttempt(core: SignInCore, browser: Browser, state: string): Promise<Returned> {
  const opened = core.keys.open("state", ["parameter", core.publicUrl, browser.id], state);
  if (opened === undefined) return { status: "foreign" };
  const { id, at } = opened as { readonly id: string; readonly at: number };
  const sealed = await core.store.take(keyOf(core, browser, id));
  if (sealed === undefined) return { status: at + attemptMs <= core.now() ? "expired" : "replayed" };
  const attempt = core.keys.open("state", recordOf(core, browser, id), sealed) as Attempt | undefined;
  return attempt === undefined ? { status: "expired" } : { status: "matches", attempt };
}

function authorizeUrl(core: SignInCore, errand: Errand, attempt: Attempt, state: string): string {
  const { facts } = core.app;
  const url = new URL(authorizeEndpoint(facts.cloud, errand.tenantId));
  const parameters = {
    client_id: facts.clientId,
    response_type: "code",
    response_mode: "query",
    redirect_uri: signInUrls(core.publicUrl).callback,
    scope: [...errand.scopes, "openid", "profile", "offline_access"].join(" "),
    state,
    nonce: attempt.nonce,
    code_challenge: createHash("sha256").update(attempt.codeVerifier).digest("base64url"),
    code_challenge_method: "S256",
    login_hint: errand.loginHint,
    prompt: errand.loginHint === undefined ? "select_account" : undefined,
    claims: errand.claims,
  };
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

function keyOf({ keys, publicUrl }: SignInCore, browser: Browser, id: string): string {
  return keys.storeKey("state", publicUrl, browser.id, id);
}

function recordOf({ publicUrl }: SignInCore, browser: Browser, id: string): readonly string[] {
  return ["attempt", publicUrl, browser.id, id];
}

function randomText({ random }: SignInCore, bytes: number): string {
  return Buffer.from(random(bytes)).toString("base64url");
}
