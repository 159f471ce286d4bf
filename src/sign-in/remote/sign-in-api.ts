import { createUserContext } from "../../context/create.js";
import { UserContext } from "../../context/user-context.js";
import type { UserTokenVerifier } from "../../context/verify.js";
import { appFactsOption, clientOption, type EntraAppFacts } from "../../entra/tenants.js";
import {
  clock,
  func,
  HostedAgentIdentityError,
  invalid,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isUserTokenError,
  label,
  list,
  made,
  nested,
  optional,
  readOptions,
  text,
  type OptionTable,
} from "../../errors.js";
import { fetchOption, type FetchLike } from "../../context/fetch-like.js";
import { maxChallengeLength } from "../../access/challenges.js";
import { userAccess } from "../../access/user-access.js";
import type { UserAccess } from "../../access/types.js";
import type { Principal } from "../../context/principal.js";
import { resourceOption, type ProtectedResource } from "../../tokens/protected-resource.js";
import type { AccessToken, TokenSource } from "../../tokens/token-source.js";
import { maxMessageLength } from "../binding/code.js";
import { maxPromptLength } from "../binding/prompt.js";
import type { Redeemed } from "../binding/redeem.js";
import { agentVerifier } from "./agent-identity.js";
import { wireRedeemed } from "./redeemed-wire.js";
import { readJson, textField, wireError, type TokenReply } from "./wire.js";

/**
 * The part of a sign-in that the API serves: what `createSignIn()` returns.
 * @group Sign-in
 */
export interface ServedSignIn {
  tokens(): TokenSource;
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  keepPrompt(context: UserContext, prompt: string): Promise<void>;
  signOut(principal: Principal): Promise<void>;
}

/**
 * One agent that may ask, and what for.
 * @group Sign-in
 */
export interface ServedAgent {
  /** Names the agent in links, pages and records. */
  readonly name: string;
  /** The client ids under which it proves itself: its managed or agent identity. */
  readonly clientIds: readonly string[];
  /** Made by `createSignIn({ agentName: name, … })`. */
  readonly signIn: ServedSignIn;
  /** What it may get tokens for. */
  readonly resources: readonly ProtectedResource[];
  /**
   * The project whose platform user ids it may name, each of which stands for one person. Without it the
   * agent has to send user tokens.
   */
  readonly platformProject?: string;
}

/**
 * What the API is made from.
 * @group Sign-in
 */
export interface SignInApiOptions {
  /** The service's own app: agents' tokens have its audience. */
  readonly app: EntraAppFacts;
  /** Verifies the users' tokens that agents pass on. */
  readonly verify: UserTokenVerifier;
  readonly agents: readonly ServedAgent[];
  readonly fetch?: FetchLike;
  readonly now?: () => number;
}

/** A web-standard handler; answers `undefined` for paths that are not the API's. */
export type SignInApi = (request: Request) => Promise<Response | undefined>;

/**
 * The HTTP API with which agents fetch tokens from a sign-in service: `POST /v1/tokens`, `/v1/redeem`,
 * `/v1/prompt`, `/v1/sign-out`. Mount it beside `signIn.handler`. An agent gets tokens only for its own resources and its
 * own users' principals. Described in `docs/sign-in-service.openapi.json`. Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/sign-in`. Experimental.
 *
 * @example
 * ```ts
 * import { userTokenVerifier, type EntraApp, type ProtectedResource } from "hosted-agent-identity";
 * import { signInApi, type ServedSignIn, type SignInApi } from "hosted-agent-identity/sign-in";
 *
 * export function api(app: EntraApp, contacts: ProtectedResource, signIn: ServedSignIn): SignInApi {
 *   const agents = [{ name: "contacts-agent", clientIds: ["<managed identity>"], signIn, resources: [contacts] }];
 *   return signInApi({ app, verify: userTokenVerifier({ app }), agents });
 * }
 * ```
 * @group Sign-in
 */
export function signInApi(options: SignInApiOptions): SignInApi {
  const { app, verify, fetch, now, ...settings } = readOptions("signInApi", signInApiOptions, options);
  const agents = agentsByClient(settings.agents, now);
  const verifyAgent = agentVerifier({ app, fetch, now });

  return async (request) => {
    const route = /\/v1\/([a-z-]+)$/.exec(new URL(request.url).pathname)?.[1];
    const serve = route === undefined || !Object.hasOwn(routes, route) ? undefined : routes[route];
    if (serve === undefined) return undefined;
    if (request.method !== "POST")
      return answer(405, { error: { code: "invalid_option", message: "POST only." } }, { allow: "POST" });
    try {
      const agent = agents.get(await verifyAgent(request.headers.get("authorization")));
      if (agent === undefined) throw new HostedAgentIdentityError("agent_not_identified");
      const body = await readJson(request);
      const context = await contextOf(body["user"], agent, verify);
      try {
        return answer(200, await serve(agent, context, body, now));
      } finally {
        context.end();
      }
    } catch (error) {
      return answer(statusOf(error), wireError(error));
    }
  };
}

const servedAgentOptions: OptionTable<ServedAgent> = {
  name: label(),
  clientIds: list(clientOption),
  signIn: made<ServedSignIn>("what createSignIn() returned", {
    tokens: "function",
    redeem: "function",
    keepPrompt: "function",
    signOut: "function",
  }),
  resources: list(resourceOption),
  platformProject: optional(text()),
};

/** The options of {@link signInApi}. */
export const signInApiOptions: OptionTable<SignInApiOptions, "fetch" | "now"> = {
  app: appFactsOption,
  verify: func<UserTokenVerifier>("what userTokenVerifier() returned"),
  agents: list(nested(servedAgentOptions), 1),
  fetch: fetchOption,
  now: clock,
};

interface KnownAgent extends ServedAgent {
  readonly accesses: ReadonlyMap<string, UserAccess>;
}

/** As long as a challenge may be that they come from. In characters. */
export const maxClaimsLength: number = maxChallengeLength;

type Route = (
  agent: KnownAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
) => Promise<object>;

const routes: Readonly<Record<string, Route>> = {
  tokens,
  async redeem(agent, context, body) {
    // A longer message is no code, and a code is not looked for in its beginning.
    return wireRedeemed(await agent.signIn.redeem(context, textField(body, "text", maxMessageLength)));
  },
  async prompt(agent, context, body) {
    await agent.signIn.keepPrompt(context, textField(body, "prompt", maxPromptLength));
    return { status: "kept" };
  },
  "sign-out": async (agent, context) => {
    if (context.principal === undefined) throw new HostedAgentIdentityError("user_not_identified");
    await agent.signIn.signOut(context.principal);
    return { status: "signed_out" };
  },
};

async function tokens(
  agent: KnownAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
): Promise<TokenReply> {
  const access = agent.accesses.get(textField(body, "server_label", 128));
  if (access === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "The agent may not ask for tokens for this server_label.",
    );
  }
  const { scopes } = body;
  // `null` counts as absent, as in every JSON of the API.
  const claims = typeof body["claims"] === "string" ? textField(body, "claims", maxClaimsLength) : undefined;
  if (Array.isArray(scopes) && !scopes.every((scope) => access.resource.scopes.includes(scope))) {
    throw new HostedAgentIdentityError("insufficient_scope", "The agent may not ask for these scopes.");
  }
  try {
    const found =
      claims === undefined ? await access.token(context) : await strongerToken(access, context, claims);
    const { token, expiresAt, useUntil = expiresAt } = found;
    const account = context.user === undefined ? null : { tid: context.user.tid, oid: context.user.oid };
    // Left, not until when: the agent's clock may be another.
    const left = Math.max(0, useUntil - now());
    return { status: "token", access_token: token, expires_at: expiresAt, use_for_ms: left, account };
  } catch (error) {
    if (!isConsentRequiredError(error)) throw error;
    const requests = error.requests.map((one) => ({
      link: one.link,
      server_label: one.serverLabel,
      reason: one.reason,
      expires_at: one.expiresAt ?? null,
    }));
    return { status: "consent_required", requests };
  }
}

async function strongerToken(
  access: UserAccess,
  context: UserContext,
  claims: string,
): Promise<Pick<AccessToken, "token" | "expiresAt" | "useUntil">> {
  const [scope = ""] = access.resource.scopes;
  const credential = access.tokenCredential(context, { askAgain: "at-expiry" });
  const { token, expiresOnTimestamp } = await credential.getToken(scope, { claims });
  return { token, expiresAt: expiresOnTimestamp };
}

/** The person an agent asks for, under the agent's own name: one agent's principals are not another's. */
async function contextOf(user: unknown, agent: ServedAgent, verify: UserTokenVerifier): Promise<UserContext> {
  const named = (typeof user === "object" && user !== null ? user : {}) as Readonly<Record<string, unknown>>;
  if (typeof named["user_token"] === "string")
    return createUserContext({ userToken: named["user_token"] }, { verify, require: true });
  const id = textField(named, "platform_user_id", 512);
  if (agent.platformProject === undefined) throw new HostedAgentIdentityError("user_not_identified");
  const conversation =
    named["conversation_id"] === undefined
      ? {}
      : { conversationId: textField(named, "conversation_id", 512) };
  return new UserContext({
    principal: { kind: "platform", project: agent.platformProject, agent: agent.name, id },
    platform: { hosted: true, userId: id, ...conversation },
    clientHeaders: {},
    trace: {},
  });
}

function agentsByClient(agents: readonly ServedAgent[], now: () => number): ReadonlyMap<string, KnownAgent> {
  const known = new Map<string, KnownAgent>();
  for (const agent of agents) {
    const source = agent.signIn.tokens();
    const accesses = new Map(
      agent.resources.map((resource) => [resource.serverLabel, userAccess(resource, [source], { now })]),
    );
    for (const clientId of agent.clientIds) {
      if (known.has(clientId.toLowerCase()))
        throw invalid("signInApi: agents", `expected each client id once, got ${clientId} twice.`);
      known.set(clientId.toLowerCase(), { ...agent, accesses });
    }
  }
  if (known.size === 0)
    throw invalid("signInApi: agents", "expected at least one with a client id, got none.");
  return known;
}

function statusOf(error: unknown): number {
  if (isUserTokenError(error)) return error.status;
  if (!isHostedAgentIdentityError(error)) return 500;
  if (error.code === "agent_not_identified") return 403;
  if (error.category === "throttle") return 429;
  if (error.category === "retry") return 503;
  return 400;
}

function answer(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, {
    status,
    headers: { ...headers, "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}
