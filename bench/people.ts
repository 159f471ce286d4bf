import { createHash } from "node:crypto";
import { UserContext } from "hosted-agent-identity";

export const tenant = "aaaaaaaa-0000-4000-8000-000000000001";
export const agentApp = "bbbbbbbb-0000-4000-8000-000000000002";
export const mcpApp = "cccccccc-0000-4000-8000-000000000003";
export const scope = `api://${mcpApp}/access_as_user`;

/** How long real assertions and access tokens are, in characters. */
const tokenLength = 1400;

/** One user of the measured agent, and the token their request brought. */
export interface Person {
  readonly oid: string;
  readonly assertion: string;
}

export function person(number: number): Person {
  const oid = `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
  return { oid, assertion: jwt({ aud: agentApp, scp: "access_as_user", oid, tid: tenant, exp: inAnHour() }) };
}

export function people(count: number, from = 0): readonly Person[] {
  return Array.from({ length: count }, (_, index) => person(from + index));
}

/** The context a verified request of this person would have. */
export function contextOf({ oid, assertion }: Person): UserContext {
  const claims = claimsOf(assertion);
  const hash = createHash("sha256").update(assertion).digest("base64url");
  return new UserContext({
    principal: { kind: "entra", tid: tenant, oid },
    user: { tid: tenant, oid },
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion: { token: assertion, hash, claims, use: "app" },
  });
}

/** A token of realistic length that nobody verifies. */
export function jwt(claims: Record<string, unknown>, length: number = tokenLength): string {
  const header = part({ alg: "RS256", typ: "JWT", kid: "bench" });
  const unpadded = part({ ...claims, pad: "" }).length;
  const missing = Math.max(0, length - header.length - unpadded - 344);
  const text = `${header}.${part({ ...claims, pad: "x".repeat(Math.floor((missing * 3) / 4)) })}.`;
  // A flat string of its own, as a header or a JSON body would give it: a rope would cost other memory.
  return Buffer.from(text.padEnd(length, "s"), "latin1").toString("latin1");
}

export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function inAnHour(): number {
  return Math.floor(Date.now() / 1000) + 3600;
}
