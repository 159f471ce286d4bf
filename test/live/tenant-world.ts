import { randomBytes } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose";
import type { World } from "./fill.js";
import type { WorldValue } from "./refusals.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The variables nothing can be done without. */
export const neededVariables = ["LIVE_TENANT", "LIVE_CLIENT_ID", "LIVE_CLIENT_SECRET", "LIVE_SCOPE"] as const;

/** The variable a value is read from. */
export function variableOf(name: WorldValue): string {
  return `LIVE_${name.toUpperCase()}`;
}

/** A real tenant: values from the environment, and what can be made from them. */
export function tenantWorld(env: Environment): World {
  const origin = env["LIVE_ORIGIN"] ?? "https://login.microsoftonline.com";
  const given = (name: WorldValue): string | undefined => env[variableOf(name)] || undefined;
  const tokenEndpoint = `${origin}/${given("tenant")}/oauth2/v2.0/token`;
  const made: Partial<Record<WorldValue, () => Promise<string | undefined> | string | undefined>> = {
    scope_resource: () => given("scope")?.replace(/\/[^/]+$/, ""),
    scope_second_resource: () => "https://graph.microsoft.com/User.Read",
    client_id_certificate: () => given("client_id"),
    user_token_unknown_key: () => signedByStranger(given("user_token")),
    user_token_wrong_signature: () => tampered(given("user_token")),
    client_assertion_unknown_certificate: () => strangersAssertion(given("client_id"), tokenEndpoint),
    app_token: () => ownToken(given("client_id"), given("client_secret"), tokenEndpoint),
  };
  return { origin, value: async (name) => given(name) ?? (await made[name]?.()) };
}

/** The claims of a real token under a signature of nobody Entra knows. */
async function signedByStranger(token: string | undefined): Promise<string | undefined> {
  if (token === undefined) return undefined;
  const { privateKey } = await generateKeyPair("RS256");
  const kid = randomBytes(20).toString("base64url");
  return new SignJWT(decodeJwt(token)).setProtectedHeader({ alg: "RS256", typ: "JWT", kid }).sign(privateKey);
}

/** A real token with one claim changed and its signature kept. */
function tampered(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const signature = token.split(".")[2];
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${encode(decodeProtectedHeader(token))}.${encode({ ...decodeJwt(token), name: "Eve" })}.${signature}`;
}

async function strangersAssertion(
  clientId: string | undefined,
  tokenEndpoint: string,
): Promise<string | undefined> {
  if (clientId === undefined) return undefined;
  const { privateKey } = await generateKeyPair("PS256");
  return new SignJWT({ jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: "PS256", "x5t#S256": randomBytes(32).toString("base64url") })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenEndpoint)
    .setNotBefore("0s")
    .setExpirationTime("10m")
    .sign(privateKey);
}

/** The app's token for itself: app-only, and with the right audience. */
async function ownToken(
  clientId: string | undefined,
  secret: string | undefined,
  tokenEndpoint: string,
): Promise<string | undefined> {
  if (clientId === undefined || secret === undefined) return undefined;
  const response = await fetch(tokenEndpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_id: clientId,
      client_secret: secret,
      scope: `${clientId}/.default`,
    }),
  });
  const { access_token: token } = await response.json();
  return typeof token === "string" ? token : undefined;
}
