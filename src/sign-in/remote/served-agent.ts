import { userNotIdentifiedCauses } from "../../errors/causes/sign-in.js";
import { userAccess } from "../../access/user-access.js";
import type { UserAccess } from "../../access/types.js";
import { clocksOf } from "../../async/clocks.js";
import type { Principal } from "../../context/principal.js";
import { UserContext } from "../../context/user-context.js";
import { clientOption } from "../../entra/clouds.js";
import { HostedAgentIdentityError } from "../../errors.js";
import type { OnEvent } from "../../events/events.js";
import { count, label, list, made, optional, orElse, text } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import type { OptionTable } from "../../options/option-table.js";
import { createUserContext } from "../../request/create.js";
import { resourceOption, type ProtectedResource } from "../../sources/protected-resource.js";
import type { TokenSource } from "../../sources/token-source.js";
import type { UserTokenVerifier } from "../../user-token/verify.js";
import type { Redeemed } from "../binding/redeemed.js";
import type { KeepPromptOptions } from "../sign-in.js";
import { defaultNewUsersPerMinute, namedUsers, type NamedUsers } from "./named-users.js";
import { textField } from "./wire.js";

/**
 * The part of a sign-in that the API serves: what `createSignIn()` returns.
 * @group Sign-in
 */
export interface ServedSignIn {
  tokens(): TokenSource;
  redeem(context: UserContext, text: string): Promise<Redeemed>;
  keepPrompt(context: UserContext, prompt: string, named?: KeepPromptOptions): Promise<void>;
  settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
  signOut(principal: Principal): Promise<void>;
}

/**
 * One agent that may call the API, and what it may ask for.
 * @group Sign-in
 */
export interface ServedAgent {
  /** Names the agent in links, pages and records. */
  readonly name: string;
  /** The client ids of its managed or agent identity. */
  readonly clientIds: readonly string[];
  /** Made by `createSignIn({ agentName: name, … })`. */
  readonly signIn: ServedSignIn;
  /** The resources that it may get tokens for. */
  readonly resources: readonly ProtectedResource[];
  /**
   * The project whose platform user ids the agent may name. Each of them has to stand for one person. Without it the
   * agent has to send user tokens.
   */
  readonly platformProject?: string;
  /**
   * How many users the agent may name per minute by a platform id alone that it has not named before; then it is
   * refused with `agent_names_too_many_users` (429). After a restart every user counts as new once. Nothing proves
   * such an id, so this limit slows an agent that is taken over. Default 300.
   */
  readonly newUsersPerMinute?: number;
}

/** The options of one agent. */
export const servedAgentOptions: OptionTable<ServedAgent, "newUsersPerMinute"> = {
  name: label(),
  clientIds: list(clientOption),
  signIn: made<ServedSignIn>("what createSignIn() returned", {
    tokens: "function",
    redeem: "function",
    keepPrompt: "function",
    settle: "function",
    signOut: "function",
  }),
  resources: list(resourceOption),
  platformProject: optional(text()),
  newUsersPerMinute: orElse(count(), defaultNewUsersPerMinute),
};

/** An agent while it is served. */
export interface ActiveAgent extends ServedAgent {
  /** By server label. */
  readonly accesses: ReadonlyMap<string, UserAccess>;
  readonly named: NamedUsers;
}

/** The agents by client id. Throws `invalid_option` for a client id that is listed twice, and without any. */
export function agentsByClient({
  agents,
  now,
  onEvent,
}: {
  readonly agents: readonly ServedAgent[];
  readonly now: () => number;
  readonly onEvent?: OnEvent | undefined;
}): ReadonlyMap<string, ActiveAgent> {
  const known = new Map<string, ActiveAgent>();
  for (const agent of agents) {
    const active: ActiveAgent = {
      ...agent,
      accesses: accessesOf(agent, { now, onEvent }),
      named: namedUsers(agent.newUsersPerMinute ?? defaultNewUsersPerMinute, clocksOf(now).age),
    };
    for (const clientId of agent.clientIds) {
      if (known.has(clientId.toLowerCase()))
        throw invalid("signInApi: agents", `expected each client id once, got ${clientId} twice.`);
      known.set(clientId.toLowerCase(), active);
    }
  }
  if (known.size === 0)
    throw invalid("signInApi: agents", "expected at least one with a client id, got none.");
  return known;
}

function accessesOf(
  { signIn, resources }: ServedAgent,
  options: { readonly now: () => number; readonly onEvent?: OnEvent | undefined },
): ReadonlyMap<string, UserAccess> {
  const source = signIn.tokens();
  return new Map(
    resources.map((resource) => [resource.serverLabel, userAccess(resource, [source], options)]),
  );
}

/** The context of the user that an agent names. One agent's principals are never another's. */
export async function namedContext(
  user: unknown,
  agent: ServedAgent,
  verify: UserTokenVerifier,
): Promise<UserContext> {
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
