import { randomUUID } from "node:crypto";
import { importPKCS8, SignJWT } from "jose";

/** What a client is registered for, and with what: the suite's `MCP_CONFORMANCE_CONTEXT`. */
export interface Grant {
  /** Makes the form of the token request. `authorizationServer` is its issuer, `resource` the MCP server. */
  form(authorizationServer: string, resource: string): Promise<Record<string, string>>;
  /** Client id and secret for HTTP Basic, where the client has a secret. */
  readonly basic?: readonly [clientId: string, clientSecret: string];
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** The grant of a scenario that has one without a person at a browser; `undefined` for any other. */
export function grantOf(scenario: string, given: Readonly<Record<string, string>>): Grant | undefined {
  const { client_id: clientId = "", client_secret: clientSecret = "" } = given;
  if (scenario === "auth/client-credentials-basic") {
    return {
      basic: [clientId, clientSecret],
      form: async () => ({ grant_type: "client_credentials" }),
    };
  }
  if (scenario === "auth/client-credentials-jwt") {
    return {
      form: async (authorizationServer) => ({
        grant_type: "client_credentials",
        client_assertion_type: assertionType,
        client_assertion: await clientAssertion(given, authorizationServer),
      }),
    };
  }
  // The nearest to on-behalf-of: a JWT about whoever it is for is exchanged at the authorization server.
  if (scenario === "auth/wif-jwt-bearer") {
    return {
      form: async () => ({
        grant_type: jwtBearer,
        assertion: given["valid_jwt"] ?? "",
        client_id: clientId,
      }),
    };
  }
  if (isCrossAppAccess(scenario)) {
    return {
      basic: [clientId, clientSecret],
      form: async (authorizationServer, resource) => ({
        grant_type: jwtBearer,
        assertion: await idJag(given, authorizationServer, resource),
      }),
    };
  }
  return undefined;
}

/** RFC 7523, section 3: who signs is whom it is about. */
async function clientAssertion(given: Readonly<Record<string, string>>, audience: string): Promise<string> {
  const { client_id: id = "", private_key_pem: pem = "", signing_algorithm: alg = "" } = given;
  return new SignJWT({ jti: randomUUID() })
    .setProtectedHeader({ alg })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime("1m")
    .sign(await importPKCS8(pem, alg));
}

function isCrossAppAccess(scenario: string): boolean {
  return /^auth\/(enterprise-managed-authorization|cross-app-access-complete-flow)$/.test(scenario);
}

/** RFC 8693 at the person's identity provider: an ID token for an identity assertion grant (ID-JAG). */
async function idJag(
  given: Readonly<Record<string, string>>,
  audience: string,
  resource: string,
): Promise<string> {
  const answer = await fetch(given["idp_token_endpoint"] ?? "", {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      client_id: given["idp_client_id"] ?? "",
      subject_token: given["idp_id_token"] ?? "",
      subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      requested_token_type: "urn:ietf:params:oauth:token-type:id-jag",
      audience,
      resource,
    }),
  });
  if (!answer.ok) throw new Error(`The identity provider answered ${answer.status}.`);
  return ((await answer.json()) as { access_token: string }).access_token;
}
