import { checkLinkForm } from "../../consent/link-policy.js";
import type { MadeConsentLink } from "../../consent/consent-link.js";
import { liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import { signInProof, type Principal, type SignInProof } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import { invalid } from "../../options/invalid.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { maxTicketMs, sealTicket, type Ticket } from "./ticket.js";
import { signInUrls } from "./urls.js";

/** The link under which the user of a running turn signs in for a resource. */
export async function makeLink(
  { core, linkKeys }: SignInInternals,
  context: UserContext,
  resource: ProtectedResource,
  { scopes, claims }: { readonly scopes: readonly string[]; readonly claims: string | undefined },
): Promise<MadeConsentLink> {
  const { principal, proof } = checkIdentified(context);
  const { user } = context;
  if (!core.resources.some(({ url }) => url === resource.url))
    throw invalid(
      "createSignIn: resources",
      `${JSON.stringify(resource.url)} is not among the resources of createSignIn().`,
    );
  const askedAt = core.now();
  const expiresAt = askedAt + maxTicketMs;
  const ticket: Ticket = {
    id: Buffer.from(core.random(16)).toString("base64url"),
    agent: core.agent,
    principal,
    initiator: initiatorOf(proof, user?.username),
    resource: resource.url,
    serverLabel: resource.serverLabel,
    scopes,
    claims,
    askedAt,
    expiresAt,
  };
  const link = signInUrls(core.publicUrl).start(sealTicket(core, linkKeys, ticket));
  checkLinkForm(link);
  return { link, expiresAt };
}

/** Throws for a context without a principal that may own a grant: a token for a resource opens none. */
export function checkIdentified(context: UserContext): {
  readonly principal: Principal;
  readonly proof: SignInProof;
} {
  liveInternalsOf(context);
  const { principal } = context;
  const proof = principal && signInProof(principal);
  if (principal === undefined || proof === undefined) throw userNotIdentified(context);
  return { principal, proof };
}

/** The account that has to sign in, if the principal names one. */
function initiatorOf(proof: SignInProof, username: string | undefined): Ticket["initiator"] {
  switch (proof.by) {
    case "code":
      return undefined;
    case "account":
      return { tid: proof.tid, oid: proof.oid, username };
  }
}
