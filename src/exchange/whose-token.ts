import { audiencesOf, decodeClaims, stringClaim } from "../entra/token-claims.js";
import { HostedAgentIdentityError } from "../errors.js";

/** The account a token has to belong to. */
export interface ExpectedAccount {
  readonly tid: string;
  readonly oid: string;
}

/**
 * Proves from the answer itself whose token it holds: the id token that came with it names the account and
 * our client. It came from the token endpoint over TLS, so its signature adds nothing (OpenID Connect Core
 * 3.1.3.7, 6). The access token is not looked into: it is the resource's business. Rule 14.
 * Throws `wrong_user` when it is missing, unreadable or somebody else's.
 */
export function proveWhoseToken(idToken: unknown, expected: ExpectedAccount, clientId: string): void {
  const claims = typeof idToken === "string" ? decodeClaims(idToken) : undefined;
  if (claims === undefined)
    throw wrong("The answer has no id token, so nobody can say whose token it holds.");
  const tid = stringClaim(claims, "tid")?.toLowerCase();
  const oid = stringClaim(claims, "oid")?.toLowerCase();
  if (tid !== expected.tid || oid !== expected.oid) throw wrong("The answer belongs to another account.");
  if (!audiencesOf(claims).some((audience) => audience.toLowerCase() === clientId)) {
    throw wrong("The answer was made for another client.");
  }
}

function wrong(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("wrong_user", `${message} It was thrown away.`);
}
