import { createHash, X509Certificate } from "node:crypto";
import {
  compactVerify,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type ProtectedHeaderParameters,
} from "jose";
import { blueprintOf, fmiSubject } from "./agent-identities.js";
import type { EntraApp, EntraTenant } from "./directory-objects.js";
import { tokenExchangeId } from "./microsoft-apps.js";
import type { FederatedCredentialOptions } from "./options.js";
import { refused } from "./refused.js";
import type { EntraState } from "./state.js";
import { subjectIn } from "./subject.js";
import type { ClientProof } from "./token-call.js";
import { isFromFederated, issuer, signInOf } from "./tokens.js";

interface Presented {
  readonly app: EntraApp;
  readonly tenant: EntraTenant | undefined;
}

/**
 * Checks a client assertion: signed by one of the app's certificates, or a token of an issuer that the app
 * trusts. The same assertion may come again until it expires: MSAL keeps one for ten minutes and Entra takes it.
 */
export async function checkClientAssertion(
  state: EntraState,
  presented: Presented,
  assertion: string,
): Promise<ClientProof> {
  const { claims, header } = decode(assertion);
  if (typeof claims.iss === "string" && /^https?:\/\//.test(claims.iss)) {
    await checkFederated(state, presented.app, assertion, claims);
    return "federated";
  }
  await checkSignedByCertificate(state, presented, assertion, claims, header);
  return "certificate";
}

function decode(assertion: string): { claims: JWTPayload; header: ProtectedHeaderParameters } {
  try {
    return { claims: decodeJwt(assertion), header: decodeProtectedHeader(assertion) };
  } catch {
    throw refused("client_assertion_malformed");
  }
}

// --- certificates. Source: identity-platform/certificate-credentials

async function checkSignedByCertificate(
  state: EntraState,
  { app, tenant }: Presented,
  assertion: string,
  claims: JWTPayload,
  header: ProtectedHeaderParameters,
): Promise<void> {
  if (claims.iss?.toLowerCase() !== app.clientId || claims.sub?.toLowerCase() !== app.clientId) {
    throw refused("client_assertion_other_client");
  }
  const { certificate, thumbprint } = registeredCertificate(app, header);
  if (!["PS256", "RS256"].includes(header.alg ?? ""))
    throw refused("client_assertion_signature", { thumbprint });
  await compactVerify(assertion, certificate.publicKey).catch(() => {
    throw refused("client_assertion_signature", { thumbprint });
  });
  const now = state.now();
  if (now < Date.parse(certificate.validFrom) || now > Date.parse(certificate.validTo)) {
    throw refused("certificate_time");
  }
  if (!audiencesOf(claims).some((audience) => isOurTokenEndpoint(state, tenant, audience))) {
    throw refused("client_assertion_audience");
  }
  checkTime(state, claims);
}

function registeredCertificate(
  app: EntraApp,
  header: ProtectedHeaderParameters,
): { certificate: X509Certificate; thumbprint: string } {
  const sha256 = header["x5t#S256"];
  const given = typeof sha256 === "string" ? sha256 : String(header["x5t"] ?? "");
  const algorithm = typeof sha256 === "string" ? "sha256" : "sha1";
  const certificate = (app.options.certificates ?? [])
    .map((pem) => new X509Certificate(pem))
    .find((one) => createHash(algorithm).update(one.raw).digest("base64url") === given);
  const thumbprint = Buffer.from(given, "base64url").toString("hex").toUpperCase();
  if (certificate === undefined) {
    throw refused("client_assertion_key_unknown", { thumbprint, clientId: app.clientId });
  }
  return { certificate, thumbprint };
}

/** The tenant's token endpoint or issuer; with https or http, because MSAL always computes https. */
function isOurTokenEndpoint(state: EntraState, tenant: EntraTenant | undefined, audience: string): boolean {
  const segments = tenant === undefined ? ["common", "organizations"] : [tenant.id, tenant.domain];
  const bare = audience.replace(/^https?:/, "").toLowerCase();
  const origin = state.origin.replace(/^https?:/, "");
  return segments.some((segment) =>
    ["/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/"].some(
      (path) => bare === `${origin}/${segment}${path}`.toLowerCase(),
    ),
  );
}

function checkTime(state: EntraState, claims: JWTPayload): void {
  const now = state.now();
  const { nbf = 0, exp = 0 } = claims;
  const skew = 300_000;
  if (now < nbf * 1000 - skew || now >= exp * 1000 + skew) {
    const [from, until] = [nbf, exp].map((seconds) => new Date(seconds * 1000).toISOString());
    throw refused("client_assertion_time", {
      now: new Date(now).toISOString(),
      from: from ?? "",
      until: until ?? "",
    });
  }
}

// --- federated credentials. Source: workload-id/workload-identity-federation

async function checkFederated(
  state: EntraState,
  app: EntraApp,
  assertion: string,
  claims: JWTPayload,
): Promise<void> {
  const credentials = credentialsOf(state, app);
  const { iss = "", sub = "" } = claims;
  if (credentials.length === 0) {
    throw refused("fic_none", { clientId: app.clientId, client: app.name });
  }
  const ofIssuer = credentials.filter((one) => one.issuer === iss);
  if (ofIssuer.length === 0) throw refused("fic_issuer", { issuer: iss });
  const ofSubject = ofIssuer.filter((one) => one.subject === sub);
  if (ofSubject.length === 0) {
    const caseOnly = ofIssuer.some((one) => one.subject.toLowerCase() === sub.toLowerCase());
    throw refused(caseOnly ? "fic_subject_case" : "fic_subject", { subject: sub });
  }
  const audiences = audiencesOf(claims);
  if (!ofSubject.some((one) => audiences.some((audience) => sameAudience(state, one.audience, audience)))) {
    throw refused("fic_audience", { audience: audiences.join(" ") });
  }
  if (isOwnIssuer(state, iss)) checkOwnToken(state, app, claims);
  await verifyFederated(state, iss, assertion);
  checkTime(state, claims);
}

/** A token of Entra itself: an app's own, of the app's tenant, and not made from another federated credential. */
function checkOwnToken(state: EntraState, app: EntraApp, claims: JWTPayload): void {
  const { iss = "" } = claims;
  if (isFromFederated(claims)) throw refused("fic_chained");
  if (subjectIn(claims) !== "application" || signInOf(claims) !== undefined)
    throw refused("fic_not_app_only");
  const home = [issuer(state, app.tenantId, 1), issuer(state, app.tenantId, 2)];
  if (!home.includes(iss)) throw refused("fic_other_tenant", { issuer: iss });
}

interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** An agent identity has one that nobody wrote: its blueprint's exchange token for it, of its own tenant. */
function credentialsOf(state: EntraState, app: EntraApp): readonly FederatedCredential[] {
  const blueprint = blueprintOf(state, app);
  if (blueprint === undefined) {
    return state.directory.additions(app).federatedCredentials.map((one) => resolved(state, one));
  }
  const subject = fmiSubject(app.tenantId, blueprint, app);
  const audience = state.directory.tokenExchangeAudience;
  return [{ issuer: issuer(state, app.tenantId, 2), subject, audience }];
}

async function verifyFederated(state: EntraState, iss: string, assertion: string): Promise<void> {
  const thumbprint = String(decodeProtectedHeader(assertion).kid ?? "");
  const options = { algorithms: ["RS256"] };
  try {
    if (isOwnIssuer(state, iss)) {
      const key = state.keys.find(thumbprint);
      if (key === undefined) throw refused("client_assertion_key_unknown", { thumbprint });
      await compactVerify(assertion, key.publicKey, options);
    } else {
      await compactVerify(assertion, createRemoteJWKSet(await jwksUri(iss)), options);
    }
  } catch (error) {
    if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey) {
      throw refused("client_assertion_signature", { thumbprint });
    }
    if (error instanceof errors.JOSEError) throw refused("fic_issuer_unreachable");
    throw error;
  }
}

async function jwksUri(iss: string): Promise<URL> {
  try {
    const response = await fetch(`${iss.replace(/\/$/, "")}/.well-known/openid-configuration`, {
      signal: AbortSignal.timeout(5000),
    });
    const metadata: unknown = await response.json();
    if (typeof metadata === "object" && metadata !== null && "jwks_uri" in metadata) {
      return new URL(String(metadata.jwks_uri));
    }
  } catch {
    // Falls through: whatever went wrong, Entra says the same.
  }
  throw refused("fic_issuer_unreachable");
}

function resolved(state: EntraState, credential: FederatedCredentialOptions): FederatedCredential {
  const identity = state.directory.managedIdentities.find(({ name }) => name === credential.managedIdentity);
  return {
    issuer: credential.issuer ?? (identity === undefined ? "" : issuer(state, identity.tenantId, 2)),
    subject: credential.subject ?? identity?.objectId ?? "",
    audience: credential.audience ?? state.directory.tokenExchangeAudience,
  };
}

/** Tokens of Entra for `api://AzureADTokenExchange` name its client id as their audience. */
function sameAudience({ directory }: EntraState, expected: string, actual: string): boolean {
  return expected === actual || (expected === directory.tokenExchangeAudience && actual === tokenExchangeId);
}

function isOwnIssuer(state: EntraState, iss: string): boolean {
  return state.directory.tenants.some(
    ({ id }) => iss === issuer(state, id, 1) || iss === issuer(state, id, 2),
  );
}

function audiencesOf({ aud }: JWTPayload): readonly string[] {
  return aud === undefined ? [] : [aud].flat();
}
