import {
  check,
  count,
  flag,
  func,
  list,
  made,
  milliseconds,
  optional,
  orElse,
  text,
} from "../../options/checks.js";
import type { Checked, OptionTable } from "../../options/option-table.js";
import type { EntraUser } from "../entra/directory-objects.js";
import { refOption, type AppRef, type UserRef } from "../entra/refs.js";
import { entraOption, type EntraEmulator } from "../entra/emulator.js";
import type { Witness } from "./witness.js";

/**
 * What {@link checkIsolation} works with.
 * @group Test kit
 */
export interface IsolationOptions {
  /**
   * The agent: where `POST <agent>/responses` is, or a function that answers such a request, for an agent that has
   * another protocol or no address. It is called with `witness` in place of its MCP server, and trusts `entra`.
   */
  readonly agent: string | URL | ((request: Request) => Response | Promise<Response>);
  readonly entra: EntraEmulator;
  readonly witness: Witness;
  /** The app that the users' tokens are for, by name or client id: the agent's. Default: `agent`. */
  readonly agentApp?: AppRef;
  /** Who asks, by name, upn or object id; two or more. Default: every user of the emulator. */
  readonly users?: readonly UserRef[];
  /** How often each of them asks, 2 to 1000. Default 8. */
  readonly turns?: number;
  /**
   * What to ask so that the agent calls a tool of the witness once. Where the tool's arguments hold `nonce`, its
   * token is compared with who asked as well; else only the answer is. Default: `Who am I? (<nonce>)`.
   */
  readonly prompt?: (nonce: string, user: EntraUser) => string;
  /** Where the agent looks for the user token; `authorization` gets a `Bearer`. Default: `x-client-user-token`. */
  readonly tokenHeader?: string;
  /** Decides who asks what when, and what goes wrong then. Default: random; the report names it. */
  readonly seed?: number;
  /** How long one answer may take, in milliseconds. Default 10 000. */
  readonly timeoutMs?: number;
  /**
   * Whether people also ask in one and the same conversation, and go on from each other's responses. Switch it off
   * for an agent whose conversations are meant to be read by all who are in them. Default true.
   */
  readonly sharedConversations?: boolean;
  /** Where a person cancels a turn, by POST. Default: `/responses/<id>/cancel`. */
  readonly cancelPath?: (responseId: string) => string;
  /** Troubles of your own, such as a store that is down: each begins and ends while people ask. */
  readonly troubles?: readonly IsolationTrouble[];
}

/**
 * Something that goes wrong for a while.
 * @group Test kit
 */
export interface IsolationTrouble {
  readonly name: string;
  begin(): void | Promise<void>;
  /** Called once for each `begin()`, also when the check fails. */
  end(): void | Promise<void>;
}

type IsolationDefaults = "turns" | "sharedConversations";

/** {@link IsolationOptions}, checked and complete. */
export type IsolationSettings = Checked<IsolationOptions, IsolationDefaults>;

/** The options of `checkIsolation()`. */
export const isolationOptions: OptionTable<IsolationOptions, IsolationDefaults> = {
  agent: check<IsolationOptions["agent"]>(
    "mixed",
    "an address, or a function that answers requests",
    (agent: unknown) => typeof agent === "function" || URL.canParse(String(agent)),
  ),
  entra: entraOption,
  witness: made<Witness>("what startWitness() returned", { calls: "list", resource: "object" }),
  agentApp: optional(refOption),
  users: optional(list(refOption)),
  turns: orElse(count(2, 1000), 8),
  prompt: optional(func<NonNullable<IsolationOptions["prompt"]>>()),
  tokenHeader: optional(text()),
  seed: optional(count(0)),
  timeoutMs: optional(milliseconds()),
  sharedConversations: orElse(flag, true),
  cancelPath: optional(func<NonNullable<IsolationOptions["cancelPath"]>>()),
  troubles: optional(
    list(made<IsolationTrouble>("a trouble", { name: "string", begin: "function", end: "function" })),
  ),
};
