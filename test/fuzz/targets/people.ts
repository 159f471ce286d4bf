import { createHash, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import {
  type EntraAppFacts,
  protectedResource,
  type ProtectedResource,
  UserContext,
} from "hosted-agent-identity";
import { cloudEndpoints } from "../../../src/entra/clouds.js";
import { decodeClaims } from "../../../src/entra/token-claims.js";

/** The moment at which everything here happens, in milliseconds since 1970. */
export const now = 1_790_000_000_000;
export const seconds: number = now / 1000;

export const tenant = "11111111-1111-4111-8111-111111111111";
export const oid = "22222222-2222-4222-8222-222222222222";
export const clientId = "33333333-3333-4333-8333-333333333333";
export const otherClient = "44444444-4444-4444-8444-444444444444";

export const facts: EntraAppFacts = {
  tenantId: tenant,
  clientId,
  allowedTenants: [tenant],
  audiences: [clientId, `api://${clientId}`],
  cloud: cloudEndpoints("global"),
};

export const contacts: ProtectedResource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read", "api://contacts/write"],
  audiences: ["api://contacts"],
});

/** The claims of a person's token for our app. */
export const personClaims: Readonly<Record<string, unknown>> = {
  iss: `https://login.microsoftonline.com/${tenant}/v2.0`,
  aud: clientId,
  tid: tenant,
  oid,
  scp: "access_as_user",
  azp: otherClient,
  ver: "2.0",
  name: "Ada Example",
  preferred_username: "ada@example.com",
  nbf: seconds - 5,
  exp: seconds + 3600,
};

export const kid = "key-1";
const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** What the key endpoint publishes. */
export const keySet: string = JSON.stringify({
  keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }],
});

/** A token, signed by the published key whatever its header says. */
export function signedToken(
  claims: unknown,
  header: unknown = { alg: "RS256", typ: "JWT", kid },
  key: KeyObject = keys.privateKey,
): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), key).toString("base64url")}`;
}

export function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value) ?? "").toString("base64url");
}

export const personToken: string = signedToken(personClaims);

/** The context of a request with the person's token, as the verifier would hand it on. */
export function personContext(): UserContext {
  const token = personToken;
  const hash = createHash("sha256").update(token).digest("base64url");
  return new UserContext({
    principal: { kind: "entra", tid: tenant, oid },
    user: { tid: tenant, oid },
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
    assertion: { token, hash, claims: decodeClaims(token) ?? {}, use: "app" },
  });
}

/** The context of a request that brought nothing but the platform's user id, which is one person's. */
export function platformContext(id = "platform-user-1"): UserContext {
  return new UserContext({
    principal: { kind: "platform", project: "https://project.example.com", agent: "agent", id },
    platform: { hosted: true, userId: id, conversationId: "conv-1" },
    clientHeaders: {},
    trace: {},
  });
}

/** An answer with what a fuzzer makes of a status and headers; those that no HTTP answer can have are left out. */
export function answer(body: string | null, status: unknown, headers: unknown = {}): Response {
  const made = new Headers();
  for (const [name, value] of Object.entries(Object(headers) as Record<string, unknown>)) {
    try {
      made.append(name, typeof value === "string" ? value : JSON.stringify(value));
    } catch {
      // The HTTP parser would have refused it.
    }
  }
  const code =
    typeof status === "number" && Number.isInteger(status) && status >= 200 && status <= 599 ? status : 200;
  return new Response([204, 205, 304].includes(code) ? null : body, { status: code, headers: made });
}
