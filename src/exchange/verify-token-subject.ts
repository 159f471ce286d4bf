import { audiencesOf, clientOf, decodeClaims, stringClaim, type TokenClaims } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { HostedAgentIdentityError } from "../errors.js";

/** The account a token has to belong to. */
export interface ExpectedAccount {
  readonly tid: string;
  readonly oid: string;
}

/**
 * Proves from the answer itself that its token is the account's: the id token that came with it names the account and
 * our client. It came from the token endpoint over TLS, so its signature adds nothing (OpenID Connect Core 3.1.3.7, 6).
 * The access token is not read: it is meant for the resource. Throws `wrong_user` when the id token is missing,
 * unreadable or another account's. A first sign-in expects no account: the returned claims say who signed in.
 */
export function verifyTokenSubject(
  idToken: unknown,
  expected: ExpectedAccount | undefined,
  clientId: string,
): TokenClaims {
  const claims = typeof idToken === "string" ? decodeClaims(idToken) : undefined;
  if (claims === undefined)
    throw wrong("The answer has no id token, so nobody can say whose token it holds.");
  const tid = stringClaim(claims, "tid")?.toLowerCase();
  const oid = stringClaim(claims, "oid")?.toLowerCase();
  const { tid: ownTid, oid: ownOid } = expected ?? { tid, oid };
  if (tid !== ownTid || oid !== ownOid) throw wrong("The answer belongs to another account.");
  if (!audiencesOf(claims).some((audience) => audience.toLowerCase() === clientId)) {
    throw wrong("The answer was made for another client.");
  }
  return claims;
}

/**
 * The same for the answer to an agent identity, which may have no id token: the documentation does not say. Its access
 * token is documented to name the user (`tid`, `oid`) and the agent identity (`azp`). It belongs to the resource and may
 * be unreadable, which proves nothing. Source: entra/agent-id/agent-token-claims.
 * Throws `wrong_user`.
 */
export function verifySubjectByAccessToken(
  accessToken: string,
  expected: ExpectedAccount,
  clientId: string,
): TokenClaims {
  const claims = decodeClaims(accessToken);
  const tid = claims && stringClaim(claims, "tid")?.toLowerCase();
  const oid = claims && stringClaim(claims, "oid")?.toLowerCase();
  const isPerson = claims !== undefined && subjectOf(claims).kind === "person";
  if (!isPerson || tid !== expected.tid || oid !== expected.oid) {
    throw wrong("The answer has no id token, and its token does not name the person.");
  }
  if (clientOf(claims)?.toLowerCase() !== clientId)
    throw wrong("The answer was made for another agent identity.");
  return claims;
}

function wrong(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("wrong_user", `${message} It was thrown away.`);
}
