import type { TokenClaims } from "../../entra/token-claims.js";
import { printable } from "../printable.js";
import type { Terminal } from "../terminal.js";

/** One claim and what it says. */
export interface ExplainedClaim {
  readonly name: string;
  /** As JSON, shortened; times also as a date. */
  readonly value: string;
  readonly meaning: string;
}

/** Source: learn.microsoft.com, identity-platform/access-token-claims-reference, optional-claims-reference. */
const meanings: Readonly<Record<string, string>> = {
  aud: "audience: who the token is for; nobody else may accept it",
  iss: "issuer: who issued it, for which tenant",
  iat: "issued at",
  nbf: "not valid before",
  exp: "expires",
  tid: "the tenant the user signed in to",
  oid: "object id of the user or app in that tenant: the id to store",
  sub: "subject: the user's id for this app only; differs from app to app",
  scp: "delegated scopes: what the client may do as the user",
  roles: "app roles: of the user, or of an app that acts as itself",
  wids: "directory roles of the user",
  groups: "groups of the user",
  azp: "the client it was issued to",
  appid: "the client it was issued to (version 1)",
  azpacr: "how the client authenticated: 0 not, 1 with a secret, 2 with a certificate or assertion",
  appidacr:
    "how the client authenticated: 0 not, 1 with a secret, 2 with a certificate or assertion (version 1)",
  acr: "level of the sign-in (version 1)",
  acrs: "authentication contexts that the sign-in satisfied",
  amr: "how the user signed in",
  auth_time: "when the user signed in",
  idtyp: "kind of subject: app or user",
  ver: "token version: 1.0 or 2.0, as the audience's app chose",
  name: "display name; can change and proves nothing",
  preferred_username: "sign-in name to show; can change and proves nothing",
  upn: "sign-in name (version 1); can change and proves nothing",
  email: "email address; not verified",
  unique_name: "sign-in name to show (version 1)",
  given_name: "first name",
  family_name: "last name",
  ipaddr: "IP address the user signed in from",
  idp: "who signed the user in, if it was another directory",
  acct: "0 member, 1 guest",
  sid: "session",
  nonce: "ties the token to one request",
  xms_cc: "what the client can do: cp1 handles claims challenges",
  xms_sub_fct: "facts about the subject; 13 is an agent's own user account",
  xms_act_fct: "facts about the actor",
  xms_par_app_azp: "the blueprint of the agent identity that asked",
  xms_tcdt: "when the tenant was created",
  tenant_region_scope: "region of the tenant",
};

/** Internal to Entra: opaque, and useless to others. */
const internal: ReadonlySet<string> = new Set(["aio", "rh", "uti", "xms_ftd", "xms_idrel", "xms_st"]);
const times: ReadonlySet<string> = new Set(["iat", "nbf", "exp", "auth_time", "xms_tcdt"]);
const maxClaims = 200;

/** Every claim, the most informative ones first. */
export function explainedClaims(claims: TokenClaims): readonly ExplainedClaim[] {
  const order = Object.keys(meanings);
  const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  return Object.entries(claims)
    .sort(([a], [b]) => rank(a) - rank(b))
    .slice(0, maxClaims)
    .map(([name, value]) => ({
      name: name.slice(0, 60),
      value: internal.has(name) ? "(not shown)" : valueOf(name, value),
      meaning: Object.hasOwn(meanings, name)
        ? (meanings[name] ?? "")
        : internal.has(name)
          ? "internal to Entra"
          : "unknown claim",
    }));
}

function valueOf(name: string, value: unknown): string {
  const text = JSON.stringify(value);
  const short = text.length > 240 ? `${text.slice(0, 240)}… (${text.length} characters)` : text;
  const date = times.has(name) && typeof value === "number" ? new Date(value * 1000) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? short : `${short} (${date.toISOString()})`;
}

/** Prints one claim per line. */
export function printClaims(out: Terminal, explained: readonly ExplainedClaim[]): void {
  const width = Math.min(20, Math.max(...explained.map(({ name }) => printable(name).length), 0));
  for (const { name, value, meaning } of explained)
    out.print(`  ${out.plain(name).padEnd(width)}  ${out.plain(value)}  ${out.dim(meaning)}`);
}
