import { invalidOptionCauses } from "../../errors/causes/set-up.js";
import { insufficientScopeCauses } from "../../errors/causes/resource.js";
import { maxChallengeLength } from "../../access/challenges.js";
import type { UserAccess } from "../../access/types.js";
import type { UserContext } from "../../context/user-context.js";
import { HostedAgentIdentityError, isConsentRequiredError } from "../../errors.js";
import type { AccessToken } from "../../sources/token-source.js";
import { maxMessageLength } from "../binding/code.js";
import { maxPromptLength } from "../binding/prompt.js";
import { wireRedeemed } from "./redeemed-wire.js";
import type { ActiveAgent } from "./served-agent.js";
import { textField, type RouteName, type TokenReply } from "./wire.js";

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

/** Claims come out of a challenge, so they are no longer than one. In characters. */
export const maxClaimsLength: number = maxChallengeLength;

/** What each call does. */
export const routes: Readonly<Record<RouteName, Route>> = {
  tokens,
  async redeem(agent, context, body) {
    // A longer message is refused, not cut: a code at its end would be lost.
    const text = textField(body, "text", maxMessageLength);
    return { body: wireRedeemed(await agent.signIn.redeem(context, text)) };
  },
  async prompt(agent, context, body) {
    await agent.signIn.keepPrompt(context, textField(body, "prompt", maxPromptLength));
    return { body: { status: "kept" } };
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
