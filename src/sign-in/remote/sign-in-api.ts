import type { UserContext } from "../../context/user-context.js";
import { appFactsOption, type EntraAppFacts } from "../../entra/clouds.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { emit, listener, type IdentityEvent, type OnEvent } from "../../events/events.js";
import { clock, func, list } from "../../options/checks.js";
import { nested, readOptions, type OptionTable } from "../../options/option-table.js";
import { type Runtime, fetchOption } from "../../runtime/runtime.js";
import type { UserTokenVerifier } from "../../user-token/verify.js";
import { agentVerifier, type AgentVerifier } from "./agent-identity.js";
import { errorAnswer, jsonAnswer } from "./api-answers.js";
import { routes } from "./api-routes.js";
import {
  agentsByClient,
  namedContext,
  servedAgentOptions,
  type ActiveAgent,
  type ServedAgent,
} from "./served-agent.js";
import { readJson, routeNames, type RouteName } from "./wire.js";

/**
 * Who may call the API, and how callers are verified.
 * @group Sign-in
 */
export interface SignInApiOptions extends Pick<Runtime, "fetch" | "now"> {
  /** The service's own app. The tokens of agents have its audience. */
  readonly app: EntraAppFacts;
  /** Verifies the user tokens that agents pass on. */
  readonly verify: UserTokenVerifier;
  readonly agents: readonly ServedAgent[];
  /**
   * Receives what agents ask for: `agent_token_issued`, `agent_named_user`, `agent_signed_out_user`,
   * `agent_refused`, and the events of `userAccess()`.
   */
  readonly onEvent?: OnEvent;
}

/** A web-standard handler. Its answer is `undefined` for paths that are not the API's. */
export type SignInApi = (request: Request) => Promise<Response | undefined>;

/**
 * The HTTP API through which agents get tokens from a sign-in service: `POST /v1/tokens`, `/v1/page`, `/v1/redeem`,
 * `/v1/prompt`, `/v1/settle`, `/v1/sign-out`. Mount it beside `signIn.handler`. An agent gets tokens for its own resources and its own users
 * only. `docs/sign-in-service.openapi.json` describes it. Throws `invalid_option`.
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
  const api: Api = {
    agents: agentsByClient(settings),
    verifyAgent: agentVerifier({ app, fetch, now }),
    verify,
    now,
    onEvent,
  };
  return async (request) => {
    const { pathname } = new URL(request.url);
    const call = routeNames.find((name) => pathname.endsWith(`/v1/${name}`));
    if (call === undefined) return undefined;
    if (request.method === "POST") return serve(api, call, request);
    return jsonAnswer(405, { error: { code: "invalid_option", message: "POST only." } }, { allow: "POST" });
  };
}

interface Api {
  readonly agents: ReadonlyMap<string, ActiveAgent>;
  readonly verifyAgent: AgentVerifier;
  readonly verify: UserTokenVerifier;
  readonly now: () => number;
  readonly onEvent: OnEvent | undefined;
}

/** Who calls, for whom, and then what for: each is checked before the next is looked at. */
async function serve(api: Api, call: RouteName, request: Request): Promise<Response> {
  const { agents, verifyAgent, verify, now, onEvent } = api;
  let agent: ActiveAgent | undefined;
  let context: UserContext | undefined;
  try {
    agent = agents.get(await verifyAgent(request.headers.get("authorization")));
    if (agent === undefined) throw new HostedAgentIdentityError("agent_not_identified");
    const body = await readJson(request);
    context = await namedContext(body["user"], agent, verify);
    const { principalKey: principal = "", hasUserToken } = context;
    const named = { agent: agent.name, principal };
    if (!hasUserToken && agent.named.name(principal)) emit(onEvent, { type: "agent_named_user", ...named });
    if (!hasUserToken && call === "sign-out") agent.named.signOut();
    const { body: reply, serverLabel } = await routes[call](agent, context, body, now);
    const done = { ...named, proof: hasUserToken ? "user_token" : "platform_user_id" } as const;
    if (serverLabel !== undefined) emit(onEvent, { type: "agent_token_issued", ...done, serverLabel });
    if (call === "sign-out") emit(onEvent, { type: "agent_signed_out_user", ...done });
    return jsonAnswer(200, reply);
  } catch (error) {
    emit(onEvent, refusal(call, error, agent?.name, context?.principalKey));
    return errorAnswer(error);
  } finally {
    context?.end();
  }
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
    agent,
    principal,
  };
}

/** The options of {@link signInApi}. */
export const signInApiOptions: OptionTable<SignInApiOptions, "fetch" | "now"> = {
  app: appFactsOption,
  verify: func<UserTokenVerifier>("what userTokenVerifier() returned"),
  agents: list(nested(servedAgentOptions), 1),
  fetch: fetchOption,
  now: clock,
  onEvent: listener,
};
