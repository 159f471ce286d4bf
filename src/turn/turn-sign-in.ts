import { runInContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { terminalEvents, type ResponseEvent, type ResponseObject } from "../foundry/events.js";
import type { Operation } from "./operations.js";
import { reportError } from "./report-error.js";
import { readResumed } from "./tool-runs.js";
import { inputText, type TurnRequest } from "./turn-request.js";

/**
 * The sign-in that takes its codes out of the chat: what `createSignIn()` or `remoteSignIn()` returned.
 * @group Turns
 */
export interface TurnSignIn {
  /** What the newest message of the user is to sign-in; only a `not_a_code` goes on to the model. */
  redeem(context: UserContext, text: string): Promise<RedeemedMessage>;
  /** Keeps a message that has to wait for the sign-in. `title`: what the chat calls it. */
  keepPrompt(context: UserContext, prompt: string, named: { readonly title: string }): Promise<void>;
  /**
   * How the turn of a `bound` message ended: `sending` before the last event of an answer leaves, `answered` after it.
   * After `failed`, a yes gives the interrupted message again.
   */
  settle(context: UserContext, end: "sending" | "answered" | "failed"): Promise<void>;
}

type TurnEnd = Parameters<TurnSignIn["settle"]>[1];

/** What a message was, as `redeem` tells it. */
export interface RedeemedMessage {
  readonly status: string;
  /** What to show the person. */
  readonly say?: string;
  /** The message that the sign-in interrupted. */
  readonly prompt?: string;
}

/** What a turn does about its message. */
export interface TurnMessage {
  /** Shown before anything else. */
  readonly say?: string | undefined;
  /** What the run answers: the message itself, or the one that the sign-in interrupted. Else there is no run. */
  readonly request?: TurnRequest;
  /** Whether sign-in waits for {@link TurnSignIn.settle}. */
  readonly isBound?: boolean;
  /** The operation that the interrupted message belongs to. */
  readonly operation?: Operation | undefined;
  /** Sign-in could not tell. The turn fails with it, because the message may have been a code. */
  readonly failure?: { readonly cause: unknown };
}

/**
 * Gives sign-in the newest message before anything else sees it: a code, or the yes after it, never reaches the
 * run. Without sign-in every message is the run's.
 */
export async function heardMessage(
  signIn: TurnSignIn | undefined,
  context: UserContext,
  request: TurnRequest,
): Promise<TurnMessage> {
  if (signIn === undefined) return { request };
  try {
    const { status, say, prompt } = await runInContext(context, () => signIn.redeem(context, request.input));
    if (status === "not_a_code") return { request };
    if (status !== "bound") return { say };
    return prompt === undefined ? { say } : { say, isBound: true, ...interrupted(request, prompt) };
  } catch (cause) {
    return { failure: { cause } };
  }
}

/** Keeps the input of a turn that could not go on, items and all. Whatever goes wrong, the person can retype it. */
export async function keepForLater(
  signIn: TurnSignIn,
  context: UserContext,
  request: TurnRequest,
  operation: Operation,
): Promise<void> {
  // In an envelope, so that a text that looks like items does not become items.
  const { input } = request.body;
  const kept = JSON.stringify({ input, operation });
  // A long message leaves no room for the list of tools. The message matters more.
  const isShort = kept.length <= maxKept;
  await signIn.keepPrompt(
    context,
    isShort ? kept : JSON.stringify({ input, operation: { id: operation.id } }),
    { title: request.input },
  );
}

/**
 * Tells sign-in how the turn of a bound message ended. The question ends once the last event was taken, so that a yes
 * that is repeated because the process died in between is not the model's. A turn that failed, or whose client left,
 * has its message kept for the next yes, with the tools that have run.
 */
export function settledWith(
  events: AsyncIterableIterator<ResponseEvent>,
  settle: (end: TurnEnd, response?: ResponseObject) => Promise<void>,
): AsyncIterableIterator<ResponseEvent> {
  let said: TurnEnd | undefined;
  const say = async (...[end, response]: Parameters<typeof settle>): Promise<void> => {
    said = end;
    await settle(end, response);
  };
  const iterator: AsyncIterableIterator<ResponseEvent> = {
    [Symbol.asyncIterator]: () => iterator,
    async next() {
      const result = await events.next();
      if (result.done === true) {
        if (said === undefined) await say("failed");
        else if (said === "sending") await say("answered");
        return result;
      }
      const { type, response } = result.value;
      if (said === undefined && terminalEvents.has(type))
        await say(response?.status === "failed" ? "failed" : "sending", response);
      return result;
    },
    async return() {
      try {
        return (await events.return?.()) ?? { done: true, value: undefined };
      } finally {
        if (said === undefined) await say("failed");
      }
    },
  };
  return iterator;
}

/** What is known of an interrupted message whose turn has ended. */
export interface Interrupted {
  readonly request: TurnRequest;
  readonly operation: Operation;
}

/** Settles a bound message, and tries twice: otherwise the next yes would be about this one. Rejects with nothing. */
export async function settleBound(
  signIn: TurnSignIn,
  context: UserContext,
  end: TurnEnd,
  {
    interrupted,
    onError,
  }: { interrupted?: Interrupted | undefined; onError?: ((error: unknown) => void) | undefined },
): Promise<void> {
  if (end === "failed" && interrupted !== undefined && !context.ended)
    await keepForLater(signIn, context, interrupted.request, interrupted.operation).catch(() => undefined);
  try {
    await signIn.settle(context, end).catch(() => signIn.settle(context, end));
  } catch (error) {
    reportError(onError, error);
  }
}

/** Below the limit of sign-in, which keeps nothing of a longer text. */
const maxKept = 90_000;

function interrupted(request: TurnRequest, kept: string): Pick<TurnMessage, "request" | "operation"> {
  const { input, operation } = keptMessage(kept);
  const { id, resumed } = Object(operation) as { readonly id?: unknown; readonly resumed?: unknown };
  return {
    request: { ...request, body: { ...request.body, input }, input: inputText(input) },
    operation: typeof id === "string" ? { id, resumed: readResumed(resumed) } : undefined,
  };
}

function keptMessage(kept: string): {
  readonly input: string | readonly unknown[];
  readonly operation?: unknown;
} {
  try {
    const { input, operation } = Object(JSON.parse(kept)) as { input?: unknown; operation?: unknown };
    if (typeof input === "string" || Array.isArray(input)) return { input, operation };
  } catch {
    // Kept by hand, as text.
  }
  return { input: kept };
}
