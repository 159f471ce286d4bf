import { checkLinkForm, maxLinkLength } from "../../consent/link-policy.js";
import type { MadeConsentLink } from "../../consent/consent-link.js";
import { liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import { signInProof, type Principal, type SignInProof } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { invalid } from "../../options/invalid.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { maxTicketMs, sealTicket, type Ticket } from "./ticket.js";
import { signInUrls } from "./urls.js";

/** The link under which the user of a running turn signs in for a resource, or opens a page of its server's. */
export async function makeLink(
  { core, linkKeys }: SignInInternals,
  context: UserContext,
  resource: ProtectedResource,
  {
    scopes,
    claims,
    elicitation,
  }: Pick<Ticket, "scopes" | "elicitation"> & { readonly claims: string | undefined },
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
    elicitation,
    askedAt,
    expiresAt,
  };
  const urls = signInUrls(core.publicUrl);
  const sealed = sealTicket(core, linkKeys, ticket);
  const link = elicitation === undefined ? urls.start(sealed) : urls.open(sealed);
  if (elicitation !== undefined && link.length > maxLinkLength) throw tooLong(resource, elicitation.url);
  checkLinkForm(link);
  return { link, expiresAt };
}

function tooLong({ serverLabel }: ProtectedResource, url: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "sign_in_too_large",
    `${JSON.stringify(serverLabel)} asks the user to open an address of ${url.length} characters. The link to its page has room for about 4000.`,
  );
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
