import { createUserContext } from "../../request/create.js";
import { UserContext } from "../../context/user-context.js";
import type { UserTokenVerifier } from "../../user-token/verify.js";
import { appFactsOption, clientOption, type EntraAppFacts } from "../../entra/tenants.js";
import { clock, count, func, label, list, made, optional, orElse, text } from "../../options/checks.js";
import { clocksOf } from "../../async/clocks.js";
import { emit, listener, type IdentityEvent, type OnEvent } from "../../events/events.js";
import {
  HostedAgentIdentityError,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isUserTokenError,
} from "../../errors.js";
import { invalid } from "../../options/invalid.js";
import { nested, readOptions, type Checked, type OptionTable } from "../../options/option-table.js";
import { fetchOption } from "../../runtime/fetch-like.js";
import { insufficientScopeCauses } from "../../errors/causes/resource.js";
import { invalidOptionCauses } from "../../errors/causes/set-up.js";
import { userNotIdentifiedCauses } from "../../errors/causes/sign-in.js";
import { maxChallengeLength } from "../../access/challenges.js";
import { userAccess } from "../../access/user-access.js";
import type { UserAccess } from "../../access/types.js";
import type { Principal } from "../../context/principal.js";
import { resourceOption, type ProtectedResource } from "../../sources/protected-resource.js";
import type { AccessToken, TokenSource } from "../../sources/token-source.js";
import { maxMessageLength } from "../binding/code.js";
import { maxPromptLength } from "../binding/prompt.js";
import type { Redeemed } from "../binding/redeem.js";
import { agentVerifier } from "./agent-identity.js";
import { defaultNewUsersPerMinute, namedUsers, type NamedUsers } from "./named-users.js";
import { wireRedeemed } from "./redeemed-wire.js";
import { readJson, textField, wireError, type TokenReply } from "./wire.js";
import { type Runtime } from "../../runtime/runtime.js";

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
  /**
   * How many people it may name in a minute by a platform id alone that this process has not heard from it
   * before; then it is refused with `agent_names_too_many_users` (429). After a restart everybody is new once.
   * Nothing proves such an id, so this is what slows an agent that is taken over. Default 300.
   */
  readonly newUsersPerMinute?: number;
}

/**
 * What the API is made from.
 * @group Sign-in
 */
export interface SignInApiOptions extends Pick<Runtime, "fetch" | "now"> {
  /** The service's own app: agents' tokens have its audience. */
  readonly app: EntraAppFacts;
  /** Verifies the users' tokens that agents pass on. */
  readonly verify: UserTokenVerifier;
  readonly agents: readonly ServedAgent[];
  /**
   * Told what agents ask for: `agent_token_issued`, `agent_named_user`, `agent_signed_out_user`, `agent_refused`,
   * and what `userAccess()` tells.
   */
  readonly onEvent?: OnEvent;
}

type ApiSettings = Checked<SignInApiOptions, "fetch" | "now">;

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
  const settings = readOptions("signInApi", signInApiOptions, options);
  const { app, verify, fetch, now, onEvent } = settings;
  const agents = agentsByClient(settings);
  const verifyAgent = agentVerifier({ app, fetch, now });

  return async (request) => {
    const { pathname } = new URL(request.url);
    const call = routeNames.find((name) => pathname.endsWith(`/v1/${name}`));
    if (call === undefined) return undefined;
    if (request.method !== "POST")
      return answer(405, { error: { code: "invalid_option", message: "POST only." } }, { allow: "POST" });
    let agent: KnownAgent | undefined;
    let context: UserContext | undefined;
    try {
      agent = agents.get(await verifyAgent(request.headers.get("authorization")));
      if (agent === undefined) throw new HostedAgentIdentityError("agent_not_identified");
      const body = await readJson(request);
      context = await contextOf(body["user"], agent, verify);
      const { principalKey: principal = "", hasUserToken } = context;
      const named = { agent: agent.name, principal };
      if (!hasUserToken && agent.named.name(principal)) emit(onEvent, { type: "agent_named_user", ...named });
      if (!hasUserToken && call === "sign-out") agent.named.signOut();
      const { body: reply, serverLabel } = await routes[call](agent, context, body, now);
      const done = { ...named, proof: hasUserToken ? "user_token" : "platform_user_id" } as const;
      if (serverLabel !== undefined) emit(onEvent, { type: "agent_token_issued", ...done, serverLabel });
      if (call === "sign-out") emit(onEvent, { type: "agent_signed_out_user", ...done });
      return answer(200, reply);
    } catch (error) {
      emit(onEvent, refusal(call, error, agent?.name, context?.principalKey));
      return answer(statusOf(error), wireError(error), retryAfter(error));
    } finally {
      context?.end();
    }
  };
}

function refusal(
  call: RouteName,
  error: unknown,
  agent: string | undefined,
  principal: string | undefined,
): IdentityEvent {
  const ours = isHostedAgentIdentityError(error) ? error : undefined;
  return {
    type: "agent_refused",
    call,
    code: ours?.code ?? "unexpected",
    category: ours?.category ?? "retry",
    ...(agent === undefined ? {} : { agent }),
    ...(principal === undefined ? {} : { principal }),
  };
}

const servedAgentOptions: OptionTable<ServedAgent, "newUsersPerMinute"> = {
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
  newUsersPerMinute: orElse(count(), defaultNewUsersPerMinute),
};

/** The options of {@link signInApi}. */
export const signInApiOptions: OptionTable<SignInApiOptions, "fetch" | "now"> = {
  app: appFactsOption,
  verify: func<UserTokenVerifier>("what userTokenVerifier() returned"),
  agents: list(nested(servedAgentOptions), 1),
  fetch: fetchOption,
  now: clock,
  onEvent: listener,
};

interface KnownAgent extends ServedAgent {
  readonly accesses: ReadonlyMap<string, UserAccess>;
  readonly named: NamedUsers;
}

/** What is answered, and which resource a token was given for. */
interface Answered {
  readonly body: object;
  readonly serverLabel?: string;
}

/** As long as a challenge may be that they come from. In characters. */
export const maxClaimsLength: number = maxChallengeLength;

type Route = (
  agent: KnownAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
) => Promise<Answered>;

const routeNames = ["tokens", "redeem", "prompt", "sign-out"] as const;
type RouteName = (typeof routeNames)[number];

const routes: Readonly<Record<RouteName, Route>> = {
  tokens,
  async redeem(agent, context, body) {
    // A longer message is no code, and a code is not looked for in its beginning.
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
  agent: KnownAgent,
  context: UserContext,
  body: Readonly<Record<string, unknown>>,
  now: () => number,
): Promise<Answered> {
  const access = agent.accesses.get(textField(body, "server_label", 128));
  if (access === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "The agent may not ask for tokens for this server_label.",
      invalidOptionCauses.serverLabel,
    );
  }
  const { scopes } = body;
  // `null` counts as absent, as in every JSON of the API.
  const claims = typeof body["claims"] === "string" ? textField(body, "claims", maxClaimsLength) : undefined;
  if (Array.isArray(scopes) && !scopes.every((scope) => access.resource.scopes.includes(scope))) {
    throw new HostedAgentIdentityError(
      "insufficient_scope",
      "The agent may not ask for these scopes.",
      insufficientScopeCauses.signInService,
    );
  }
  try {
    const found =
      claims === undefined ? await access.token(context) : await strongerToken(access, context, claims);
    const { token, expiresAt, useUntil = expiresAt } = found;
    const account = context.user === undefined ? null : { tid: context.user.tid, oid: context.user.oid };
    // Left, not until when: the agent's clock may be another.
    const left = Math.max(0, useUntil - now());
    const reply: TokenReply = {
      status: "token",
      access_token: token,
      expires_at: expiresAt,
      use_for_ms: left,
      account,
    };
    return { body: reply, serverLabel: access.resource.serverLabel };
  } catch (error) {
    if (!isConsentRequiredError(error)) throw error;
    const requests = error.requests.map((one) => ({
      link: one.link,
      server_label: one.serverLabel,
      reason: one.reason,
      expires_at: one.expiresAt ?? null,
    }));
    const reply: TokenReply = { status: "consent_required", requests };
    return { body: reply };
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
  if (agent.platformProject === undefined)
    throw new HostedAgentIdentityError("user_not_identified", undefined, userNotIdentifiedCauses.noProject);
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

function agentsByClient({ agents, now, onEvent }: ApiSettings): ReadonlyMap<string, KnownAgent> {
  const known = new Map<string, KnownAgent>();
  for (const agent of agents) {
    const source = agent.signIn.tokens();
    const accessOptions = { now, ...(onEvent === undefined ? {} : { onEvent }) };
    const accesses = new Map(
      agent.resources.map((resource) => [
        resource.serverLabel,
        userAccess(resource, [source], accessOptions),
      ]),
    );
    const named = namedUsers(agent.newUsersPerMinute ?? defaultNewUsersPerMinute, clocksOf(now).age);
    for (const clientId of agent.clientIds) {
      if (known.has(clientId.toLowerCase()))
        throw invalid("signInApi: agents", `expected each client id once, got ${clientId} twice.`);
      known.set(clientId.toLowerCase(), { ...agent, accesses, named });
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
  if (error.code === "agent_names_too_many_users") return 429;
  if (error.category === "throttle") return 429;
  if (error.category === "retry") return 503;
  return 400;
}

function retryAfter(error: unknown): Readonly<Record<string, string>> {
  const ms = isHostedAgentIdentityError(error) ? error.retryAfterMs : undefined;
  return ms === undefined ? {} : { "retry-after": String(Math.ceil(ms / 1000)) };
}

function answer(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Response {
  return Response.json(body, {
    status,
    headers: { ...headers, "cache-control": "no-store", "x-content-type-options": "nosniff" },
  });
}
