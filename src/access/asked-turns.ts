import { type UserContext, internalsOf } from "../context/user-context.js";
import { emit, type OnEvent } from "../events/events.js";
import { digest } from "../sealing/digest.js";
import { callUnderWay, type CallUnderWay } from "./call-under-way.js";

/** Whoever hears a message that a server has sent by itself. */
export interface Listener {
  /** The principal and the session. */
  readonly key: string;
  /** Whether the server may ask for something here. On `subscriptions/listen` it only tells. */
  readonly mayAsk: boolean;
  /** Has the client read a message outside any call; waits while it has no room. */
  tell(json: string): Promise<void>;
  /** Answers the server in place of the client. */
  reply(message: Readonly<Record<string, unknown>>): void;
}

/**
 * Who is asked when a server talks by itself. A request of the server is read by the client as part of the answer to
 * the one call that is under way, so that its handler runs in the context of that turn. Without one, or with calls of
 * two turns, it is declined: a question never appears in another conversation.
 */
export interface AskedTurns {
  /** Gives a message to the one turn that has a call under way, or to nobody's turn. */
  hear(listener: Listener, message: unknown, json: string): Promise<void>;
  /** To be told of a call of a turn before it is sent. */
  begin(key: string, context: UserContext, id: unknown): CallUnderWay;
  /** To be told of a reply of the client. */
  replied(key: string, id: unknown): void;
}

interface Call extends Pick<CallUnderWay, "push"> {
  readonly context: UserContext;
}

interface AskedState {
  readonly options: AskedTurnsOptions;
  /** The calls under way, by principal and session. */
  readonly calls: Map<string, Set<Call>>;
  /** What a turn has been asked, by principal, session and id. The value forgets it. */
  readonly asked: Map<string, () => void>;
}

/** What events say. */
export interface AskedTurnsOptions {
  readonly serverLabel: string;
  readonly onEvent: OnEvent | undefined;
}

/** Knows no call yet. */
export function askedTurns(options: AskedTurnsOptions): AskedTurns {
  const state: AskedState = { options, calls: new Map(), asked: new Map() };
  return {
    hear: (listener, message, json) => hear(state, listener, message, json),
    begin: (key, context, id) => begin(state, key, context, id),
    replied: (key, id) => state.asked.get(askedKey(key, id))?.(),
  };
}

function begin({ calls }: AskedState, key: string, context: UserContext, id: unknown): CallUnderWay {
  const some = calls.get(key) ?? new Set();
  const over = (): void => {
    some.delete(call);
    if (some.size === 0) calls.delete(key);
  };
  const underWay = callUnderWay(id, over);
  const call: Call = { context, push: underWay.push };
  calls.set(key, some.add(call));
  return underWay;
}

async function hear(state: AskedState, listener: Listener, message: unknown, json: string): Promise<void> {
  const { key, mayAsk } = listener;
  const { method, id } = Object(message) as { method?: unknown; id?: unknown };
  const isRequest = typeof method === "string" && id !== undefined;
  // Asked on both streams that are read.
  if (isRequest && state.asked.has(askedKey(key, id))) return undefined;
  if (isRequest && method === "ping") return listener.reply({ id, result: {} });
  const calls = [...(state.calls.get(key) ?? [])].filter(({ context }) => !context.ended);
  const turns = new Set(calls.map(({ context }) => context));
  const [call] = calls;
  if (call !== undefined && turns.size === 1 && mayAsk && typeof method === "string") {
    if (isRequest) expectReply(state, listener, id, call.context);
    return call.push(json);
  }
  // Roots are the client's, and nobody is asked for them.
  if (isRequest && method !== "roots/list")
    return decline(state, listener, { id, method, turns: turns.size });
  return listener.tell(json);
}

function askedKey(key: string, id: unknown): string {
  return digest(key, JSON.stringify(id));
}

/** What a turn was asked and has not answered when it ends is declined. */
function expectReply(state: AskedState, listener: Listener, id: unknown, context: UserContext): void {
  const key = askedKey(listener.key, id);
  const { endListeners } = internalsOf(context);
  const onEnd = (): void => {
    state.asked.delete(key);
    decline(state, listener, { id, method: "", turns: 0 });
  };
  endListeners.add(onEnd);
  state.asked.set(key, () => {
    endListeners.delete(onEnd);
    state.asked.delete(key);
  });
}

function decline(
  { options }: AskedState,
  listener: Listener,
  { id, method, turns }: { readonly id: unknown; readonly method: string; readonly turns: number },
): void {
  const reason = turns === 0 ? "no_turn" : "several_turns";
  const { serverLabel, onEvent } = options;
  const known = method === "elicitation/create" || method === "sampling/createMessage" ? method : undefined;
  emit(onEvent, { type: "server_request_declined", serverLabel, reason, method: known });
  const message =
    turns === 0
      ? "No call of this user is under way, so there is nobody to ask."
      : "Calls of two conversations of this user are under way, and the request does not say whose it is. Send it with the call that it belongs to.";
  listener.reply({ id, error: { code: -32_603, message } });
}
