import { invalidOptionCauses } from "../../errors/causes/set-up.js";
import { insufficientScopeCauses } from "../../errors/causes/resource.js";
import { maxChallengeLength } from "../../access/challenges.js";
import type { UserAccess } from "../../access/types.js";
import type { UserContext } from "../../context/user-context.js";
import { HostedAgentIdentityError, isConsentRequiredError } from "../../errors.js";
import type { AccessToken } from "../../sources/token-source.js";
import { maxLinkLength } from "../../consent/link-policy.js";
import { allowsPage } from "../flow/open.js";
import { maxPromptLength, maxTitle } from "../binding/prompt.js";
import { maxMessageLength } from "../binding/typed.js";
import { wireRedeemed } from "./redeemed-wire.js";
import type { ActiveAgent } from "./served-agent.js";
import { textField, type PageReply, type RouteName, type TokenReply } from "./wire.js";

/** The answer to a call, and the label of the resource that a token was given for. */
interface RouteAnswer {
  readonly body: object;
  readonly serverLabel?: string;
}

type Route = (
  agent: ActiveAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
) => Promise<RouteAnswer>;

/** Twice what is shown, because a character may take two places. */
const maxTitleLength = 2 * maxTitle + 2;

/** Claims come out of a challenge, so they are no longer than one. In characters. */
export const maxClaimsLength: number = maxChallengeLength;

/** What each call does. */
export const routes: Readonly<Record<RouteName, Route>> = {
  tokens,
  page,
  async redeem(agent, context, body) {
    // A longer message is refused, not cut: a code at its end would be lost.
    const text = textField(body, "text", maxMessageLength);
    return { body: wireRedeemed(await agent.signIn.redeem(context, text)) };
  },
  async prompt(agent, context, body) {
    const { title: named } = body;
    const title = named === undefined || named === "" ? named : textField(body, "title", maxTitleLength);
    // A message that was too long for the agent to send is named only.
    const prompt =
      title !== undefined && body["prompt"] === "" ? "" : textField(body, "prompt", maxPromptLength);
    await agent.signIn.keepPrompt(context, prompt, { title });
    return { body: { status: "kept" } };
  },
  async settle(agent, context, body) {
    const said = textField(body, "end", 16);
    await agent.signIn.settle(context, said === "answered" || said === "sending" ? said : "failed");
    return { body: { status: "settled" } };
  },
  "sign-out": async (agent, context) => {
    if (context.principal === undefined) throw new HostedAgentIdentityError("user_not_identified");
    await agent.signIn.signOut(context.principal);
    return { body: { status: "signed_out" } };
  },
};

async function tokens(
  agent: ActiveAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
): Promise<RouteAnswer> {
  const access = askedAccess(agent, body);
  // `null` counts as absent, as in every JSON of the API.
  const claims = typeof body["claims"] === "string" ? textField(body, "claims", maxClaimsLength) : undefined;
  try {
    const found =
      claims === undefined ? await access.token(context) : await strongerToken(access, context, claims);
    return { body: tokenReply(context, found, now()), serverLabel: access.resource.serverLabel };
  } catch (error) {
    if (!isConsentRequiredError(error)) throw error;
    const requests = error.requests.map((one) => ({
      link: one.link,
      server_label: one.serverLabel,
      reason: one.reason,
      expires_at: one.expiresAt ?? null,
    }));
    return { body: { status: "consent_required", requests } satisfies TokenReply };
  }
}

async function page(
  agent: ActiveAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
): Promise<RouteAnswer> {
  const { resource } = askedAccess(agent, body);
  const url = textField(body, "url", maxLinkLength);
  if (!allowsPage(resource, url))
    throw new HostedAgentIdentityError(
      "elicitation_not_allowed",
      `${JSON.stringify(resource.serverLabel)} asks the user to open a page that elicitation.allowedLinks of its resource at the sign-in service does not allow.`,
    );
  const { message: said } = body;
  const message = typeof said === "string" ? said : "";
  const made = await agent.signIn.tokens().pageFor?.({ context, resource, url, message });
  if (made === undefined) throw noPages();
  const { link, expiresAt = null } = made;
  return { body: { status: "page", link, expires_at: expiresAt } satisfies PageReply };
}

/** A sign-in of somebody's own that has no such pages. */
function noPages(): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "sign_in_service_unavailable",
    "The sign-in service has no pages for a server that asks for a URL.",
  );
}

/** The access that the agent asks for. Throws when it may not. */
function askedAccess(agent: ActiveAgent, body: Readonly<Record<string, unknown>>): UserAccess {
  const access = agent.accesses.get(textField(body, "server_label", 128));
  if (access === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "The agent may not ask for tokens for this server_label.",
      invalidOptionCauses.serverLabel,
    );
  }
  const { scopes } = body;
  if (Array.isArray(scopes) && !scopes.every((scope) => access.resource.scopes.includes(scope))) {
    throw new HostedAgentIdentityError(
      "insufficient_scope",
      "The agent may not ask for these scopes.",
      insufficientScopeCauses.signInService,
    );
  }
  return access;
}

type GivenToken = Pick<AccessToken, "token" | "expiresAt" | "useUntil">;

function tokenReply(context: UserContext, found: GivenToken, now: number): TokenReply {
  const { token, expiresAt, useUntil = expiresAt } = found;
  return {
    status: "token",
    access_token: token,
    expires_at: expiresAt,
    // A duration, not a time: the agent's clock may differ.
    use_for_ms: Math.max(0, useUntil - now),
    account: context.user === undefined ? null : { tid: context.user.tid, oid: context.user.oid },
  };
}

async function strongerToken(access: UserAccess, context: UserContext, claims: string): Promise<GivenToken> {
  const [scope = ""] = access.resource.scopes;
  const credential = access.tokenCredential(context, { askAgain: "at-expiry" });
  const { token, expiresOnTimestamp } = await credential.getToken(scope, { claims });
  return { token, expiresAt: expiresOnTimestamp };
}
