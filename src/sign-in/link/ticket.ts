import { sign, verify } from "node:crypto";
import { digest } from "../../sealing/digest.js";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { maxLinkLength } from "../../consent/link-policy.js";
import { principalKey, type Principal } from "../../context/principal.js";
import { resourceOfScope } from "../../entra/scopes.js";
import { HostedAgentIdentityError } from "../../errors.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { SignInContext } from "../sign-in-context.js";
import type { KnownAgent, LinkKeys } from "./agents.js";
import { parseJson } from "../../input/json-limits.js";

/** The content of a link: who asked for what. */
export interface Ticket {
  readonly id: string;
  readonly agent: string;
  /** The principal that the grant will belong to. */
  readonly principal: Principal;
  /** The account that has to sign in, if a user token named it. */
  readonly initiator?:
    | { readonly tid: string; readonly oid: string; readonly username?: string | undefined }
    | undefined;
  /** URL and label of the resource. */
  readonly resource: string;
  readonly serverLabel: string;
  readonly scopes: readonly string[];
  /** A claims challenge the sign-in has to meet, as a JSON string. */
  readonly claims?: string | undefined;
  /** The page that the resource's server asks its user to open. Such a link opens no sign-in. */
  readonly elicitation?: { readonly url: string; readonly message: string } | undefined;
  /** Milliseconds since the epoch. */
  readonly askedAt: number;
  readonly expiresAt: number;
}

/** The result of opening a ticket. */
export type TicketReading =
  | { readonly status: "good" | "expired"; readonly ticket: Ticket }
  | { readonly status: "bad" };

/** The longest a link may live. */
export const maxTicketMs: number = 15 * 60_000;
/** A ticket is part of a link, and longer links are refused. In characters. */
export const maxTicketLength: number = maxLinkLength;
/** How far the clock of an agent may be ahead. */
const skewMs = 60_000;
const purpose = "sign-in link";

/**
 * Signs a ticket with the agent's own key and seals it. The seal hides its content; the signature proves which of the
 * agents that share the encryption keys has made it.
 */
export function sealTicket(core: SignInContext, { privateKey, own }: LinkKeys, ticket: Ticket): string {
  if (privateKey === undefined)
    throw new HostedAgentIdentityError(
      "invalid_option",
      "signingKey: this process serves several agents and has no key of its own, so it can make no link.",
    );
  const body = JSON.stringify({ purpose, for: core.publicUrl, ticket });
  const signature = sign(null, signed(body), privateKey).toString("base64url");
  const text = packed({ body, signature });
  // Refused here, where the agent can ask for less. A user in front of a page could do nothing. A page that a server
  // asks for has no less to ask for: its sign-in goes without the ticket where that does not fit.
  if (ticket.elicitation === undefined && text.length > maxPacked)
    throw new HostedAgentIdentityError("sign_in_too_large");
  // It was signed here: nothing has to be verified when this process serves the link as well.
  own?.verified.set(digest(signature, body), true);
  // Packed: the link of an MCP server's own sign-in has to fit into the ticket of an agent.
  return core.keys.seal("ticket", binding(core), text);
}

/**
 * How long a packed ticket may be, in characters: with the rest of an attempt it fits into a cookie of 3 000
 * bytes under the longest `publicUrl`. That is room for about forty scopes of one resource.
 */
const maxPacked = 1_600;

/** The ticket in as few characters as possible, for a cookie that is sealed itself. */
export function packTicket(core: SignInContext, text: string): string | undefined {
  const opened = core.keys.open("ticket", binding(core), text);
  return typeof opened === "string" ? opened : undefined;
}

/** The text of a ticket from a cookie. The signed content is unchanged, and is checked again. */
export function unpackTicket(core: SignInContext, text: string): string {
  return core.keys.seal("ticket", binding(core), text);
}

function packed({ body, signature }: Envelope): string {
  return deflateRawSync(JSON.stringify([body, signature])).toString("base64url");
}

/** The envelope in a text that any holder of the encryption keys may have packed. */
function unpacked(text: unknown): Envelope | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const bytes = inflateRawSync(Buffer.from(text, "base64url"), { maxOutputLength: maxUnpacked });
    const [body, signature] = Object(parseJson(bytes.toString("utf8"))) as unknown[];
    return typeof body === "string" && typeof signature === "string" ? { body, signature } : undefined;
  } catch {
    return undefined;
  }
}

/** In bytes: far more than deflated text of a link can hold of real tickets. */
const maxUnpacked = 65_536;

interface Envelope {
  readonly body: string;
  readonly signature: string;
}

/** Reads a ticket. `bad`: no agent that may ask for this has made it, or not for this service. */
export function openTicket(core: SignInContext, { agents }: LinkKeys, text: string): TicketReading {
  const sealed = text.length > maxTicketLength ? undefined : core.keys.open("ticket", binding(core), text);
  const envelope = unpacked(sealed);
  if (envelope === undefined) return { status: "bad" };
  const { body, signature } = envelope;
  const content = parseBody(body);
  if (!isContent(content) || content.purpose !== purpose || content.for !== core.publicUrl)
    return { status: "bad" };
  const { ticket } = content;
  const agent = agents.get(ticket.agent);
  // Only the key of the agent that the ticket names counts.
  if (agent === undefined || !isSignedBy(agent, body, signature)) return { status: "bad" };
  const resource = core.resources.find(({ url }) => url === ticket.resource);
  const { askedAt, expiresAt } = ticket;
  const time = core.now();
  if (resource === undefined || !isOf(resource, ticket.scopes) || !agent.mayAsk(ticket.scopes))
    return { status: "bad" };
  if (askedAt > time + skewMs || expiresAt - askedAt > maxTicketMs) return { status: "bad" };
  // The page shows our own label for the resource, not the agent's.
  const named: Ticket = { ...ticket, serverLabel: resource.serverLabel };
  return { status: expiresAt > time ? "good" : "expired", ticket: named };
}

function isSignedBy(agent: KnownAgent, body: string, signature: string): boolean {
  const both = digest(signature, body);
  if (agent.verified.has(both)) return true;
  const bytes = Buffer.from(signature, "base64url");
  if (!agent.publicKeys.some((key) => verify(null, signed(body), key, bytes))) return false;
  agent.verified.set(both, true);
  return true;
}

/** Whether all scopes are of the resource: an agent must not show one resource and ask for the scopes of another. */
function isOf(resource: ProtectedResource, scopes: readonly string[]): boolean {
  const own = resourceOfScope(resource.scopes[0] ?? "");
  return own !== undefined && scopes.every((scope) => resourceOfScope(scope) === own);
}

/** The key of the principal a ticket asks for. */
export function ticketPrincipal({ principal }: Ticket): string {
  return principalKey(principal);
}

function binding({ app, publicUrl }: SignInContext): readonly string[] {
  return [app.facts.cloud.loginEndpoint, app.facts.clientId, publicUrl];
}

function signed(body: string): Buffer {
  return Buffer.from(`hosted-agent-identity/1\n${purpose}\n${body}`);
}

function parseBody(body: string): unknown {
  try {
    return parseJson(body);
  } catch {
    return undefined;
  }
}

function isContent(value: unknown): value is { purpose: unknown; for: unknown; ticket: Ticket } {
  const ticket = fields(fields(value)["ticket"]);
  const { id, agent, resource, serverLabel, scopes, claims, askedAt, expiresAt, initiator } = ticket;
  const page = fields(ticket["elicitation"]);
  const texts = [id, agent, resource, serverLabel];
  return (
    texts.every((text) => typeof text === "string" && text !== "") &&
    Array.isArray(scopes) &&
    scopes.length > 0 &&
    scopes.every((scope) => typeof scope === "string") &&
    (claims === undefined || typeof claims === "string") &&
    (ticket["elicitation"] === undefined ||
      (typeof page["url"] === "string" && typeof page["message"] === "string")) &&
    typeof askedAt === "number" &&
    typeof expiresAt === "number" &&
    isPrincipalWithInitiator(fields(ticket["principal"]), initiator)
  );
}

/** A principal that names a person must be the initiator, and one that does not must have none. */
function isPrincipalWithInitiator(principal: Record<string, unknown>, initiator: unknown): boolean {
  const { tid, oid, project, agent, id } = principal;
  const kind = principal["kind"] as Principal["kind"];
  switch (kind) {
    case "platform":
      return initiator === undefined && [project, agent, id].every((text) => typeof text === "string");
    case "entra": {
      const named = fields(initiator);
      return typeof tid === "string" && tid === named["tid"] && oid === named["oid"];
    }
    // These own no grant.
    case "resource":
    case "oidc":
      return false;
    default:
      return isNone(kind);
  }
}

function isNone(_kind: never): false {
  return false;
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
