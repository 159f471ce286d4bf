import { runInContext } from "../context/ambient.js";
import type { UserContext } from "../context/user-context.js";
import { inputText, type TurnRequest } from "./turn-request.js";

/**
 * The sign-in that takes its codes out of the chat: what `createSignIn()` or `remoteSignIn()` returned.
 * @group Turns
 */
export interface TurnSignIn {
  /** What the newest message of the user is to sign-in; only a `not_a_code` goes on to the model. */
  redeem(context: UserContext, text: string): Promise<RedeemedMessage>;
  /** Keeps a message that has to wait for the sign-in. */
  keepPrompt(context: UserContext, prompt: string): Promise<void>;
}

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
  readonly say?: string;
  /** What the run answers: the message itself, or the one that the sign-in interrupted. Else there is no run. */
  readonly request?: TurnRequest;
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
    return {
      ...(say === undefined ? {} : { say }),
      ...(status === "bound" && prompt !== undefined ? { request: interrupted(request, prompt) } : {}),
    };
  } catch (cause) {
    return { failure: { cause } };
  }
}

/** Keeps the input of a turn that could not go on, items and all. Whatever goes wrong, the person can retype it. */
export async function keepForLater(
  signIn: TurnSignIn,
  context: UserContext,
  request: TurnRequest,
): Promise<void> {
  // In an envelope, so that a text that looks like items does not become items.
  await signIn.keepPrompt(context, JSON.stringify({ input: request.body["input"] }));
}

function interrupted(request: TurnRequest, kept: string): TurnRequest {
  const input = keptInput(kept);
  return { ...request, body: { ...request.body, input }, input: inputText(input) };
}

function keptInput(kept: string): string | readonly unknown[] {
  try {
    const { input } = Object(JSON.parse(kept)) as { input?: unknown };
    if (typeof input === "string" || Array.isArray(input)) return input;
  } catch {
    // Kept by hand, as text.
  }
  return kept;
}
