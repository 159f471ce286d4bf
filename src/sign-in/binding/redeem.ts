import { liveInternalsOf } from "../../context/internals.js";
import { signInProof } from "../../context/principal.js";
import type { UserContext } from "../../context/user-context.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Account } from "../grants/grant.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { answerIn } from "./answer.js";
import { bind } from "./bind.js";
import { codeIn, codeDigest, looksOurs, sameDigest } from "./code.js";
import {
  countTry,
  keepUnconfirmed,
  maxTries,
  readUnconfirmed,
  takePending,
  takeUnconfirmed,
  waitingOf,
  type Pending,
  type Waiting,
} from "./pending.js";
import { allows, readPin } from "../grants/pin.js";
import { takePrompt } from "./prompt.js";

/**
 * What the user's newest message was for sign-in. Only a `not_a_code` goes on to the model. For the others show `say`
 * instead, and after `bound` run `prompt`.
 * @group Sign-in
 */
export type Redeemed =
  /** An ordinary message. */
  | { readonly status: "not_a_code" }
  | { readonly status: "wrong_code"; readonly triesLeft: number; readonly say: string }
  /** The code was right. The user has to confirm that the account is theirs. */
  | {
      readonly status: "confirm";
      readonly account: Account;
      readonly serverLabel: string;
      readonly say: string;
    }
  /** The account is connected. `prompt`: the message that the sign-in interrupted, if it was kept. */
  | {
      readonly status: "bound";
      readonly account: Account;
      readonly serverLabel: string;
      readonly say: string;
      readonly prompt?: string | undefined;
    }
  | { readonly status: "refused"; readonly reason: RefusedCode; readonly say: string };

/** All reasons for a refusal. The sign-in service's answers are checked against this list. */
export const refusedCodes = [
  "nothing_waiting",
  "expired",
  "too_many_tries",
  "other_account",
  "declined",
] as const;

/**
 * Why a code or a yes was refused. Nothing was stored, and no account was connected. `nothing_waiting`: it looks like
 * a code, but this chat expects none. `other_account`: the chat is pinned to another account. `declined`: the user
 * said no.
 * @group Sign-in
 */
export type RefusedCode = (typeof refusedCodes)[number];

const sayings: Readonly<Record<RefusedCode, string>> = {
  nothing_waiting:
    "That looks like a sign-in code, but this chat is not waiting for one. Type a code only into your own chat, where you were asked to sign in.",
  expired: "That code has expired or was used before. Send your message again to get a new link.",
  too_many_tries: "There were too many wrong codes. Send your message again to get a new link.",
  other_account:
    "This chat is connected to another account and keeps to it. Disconnect that account first, then sign in again.",
  declined: "All right, nothing was connected.",
};

/**
 * Reads a code, or the yes after it, from the user's newest message. Only sign-ins of the context's principal are
 * looked at. A wrong code counts against each of them, over all processes.
 */
export async function redeem(
  service: SignInInternals,
  context: UserContext,
  text: string,
): Promise<Redeemed> {
  liveInternalsOf(context);
  const { principal, principalKey: owner } = context;
  // A user known by a token needs no code: the account is compared with the token.
  if (principal === undefined || owner === undefined || signInProof(principal)?.by !== "code")
    return { status: "not_a_code" };
  const { core } = service;
  const unconfirmed = await readUnconfirmed(core, owner, context.platform.conversationId);
  const code = codeIn(text);
  if (unconfirmed !== undefined && code === undefined)
    return redeemAnswer(service, context, owner, unconfirmed, text);
  if (code === undefined) return { status: "not_a_code" };
  return redeemTyped(service, context, owner, code);
}

async function redeemAnswer(
  service: SignInInternals,
  context: UserContext,
  owner: string,
  asked: Pending,
  text: string,
): Promise<Redeemed> {
  const answer = answerIn(text);
  if (answer === undefined)
    return (await isOver(service, owner, asked)) ? { status: "not_a_code" } : confirmation(asked);
  // Taken, not read: only one of two answers at the same time counts.
  const pending = await takeUnconfirmed(service.core, owner, context.platform.conversationId);
  if (pending === undefined) return refused("expired");
  return answer === "no" ? refused("declined") : bindPending(service, context, owner, pending);
}

async function redeemTyped(
  service: SignInInternals,
  context: UserContext,
  owner: string,
  code: string,
): Promise<Redeemed> {
  const { core } = service;
  const waiting = await waitingOf(core, owner).read();
  if (waiting.length === 0) return looksOurs(code) ? refused("nothing_waiting") : { status: "not_a_code" };
  const { found, triesLeft } = await findWaiting(core, owner, waiting, codeDigest(code));
  if (found === undefined && triesLeft === undefined) return refused("too_many_tries");
  if (found === undefined) return wrongCode(triesLeft ?? 0);
  const pending = found.expiresAt > core.now() ? await takePending(core, owner, found) : undefined;
  if (pending === undefined || (await isOver(service, owner, pending))) return refused("expired");
  const pinned = await readPin(core, owner);
  if (!allows(pinned, pending.arrived.account)) return refused("other_account");
  // The chat has said yes to this account before.
  if (pinned !== undefined) return bindPending(service, context, owner, pending);
  const asked = await keepUnconfirmed(core, owner, context.platform.conversationId, pending);
  return asked ? confirmation(pending) : refused("expired");
}

/** Counts the try before it compares, so that parallel tries cannot exceed the limit. */
async function findWaiting(
  core: SignInContext,
  owner: string,
  waiting: readonly Waiting[],
  digest: string,
): Promise<{ readonly found: Waiting | undefined; readonly triesLeft: number | undefined }> {
  let found: Waiting | undefined;
  let triesLeft: number | undefined;
  for (const ticketId of new Set(waiting.map((one) => one.ticketId))) {
    const tries = await countTry(core, owner, ticketId);
    if (tries > maxTries) continue;
    triesLeft = Math.max(triesLeft ?? 0, maxTries - tries);
    for (const one of waiting) {
      // All of them, also after a match, so that the time it takes tells nothing.
      if (one.ticketId === ticketId && sameDigest(one.digest, digest)) found = one;
    }
  }
  return { found, triesLeft };
}

async function bindPending(
  service: SignInInternals,
  context: UserContext,
  owner: string,
  pending: Pending,
): Promise<Redeemed> {
  const { account } = pending.arrived;
  const { serverLabel } = pending.ticket;
  if (await isOver(service, owner, pending)) return refused("expired");
  const outcome = await bind(service, pending.ticket, pending.arrived, pending.generation);
  if (outcome === "pinned_account") return refused("other_account");
  if (outcome !== "bound") return refused("expired");
  const prompt = await takePrompt(service.core, owner, context.platform.conversationId).catch(
    () => undefined,
  );
  const say = `Connected as ${nameOf(account)}.`;
  return { status: "bound", account, serverLabel, say, prompt };
}

/** Whether the user has signed out since. */
async function isOver(
  { core, grantsOf }: SignInInternals,
  owner: string,
  { generation }: Pending,
): Promise<boolean> {
  return (await grantsOf(core.agent).generation(owner)) !== generation;
}

function confirmation({ ticket: { serverLabel, agent }, arrived: { account } }: Pending): Redeemed {
  const say = `Is ${nameOf(account)} your account? Answer "yes", and ${agent} will use ${serverLabel} as this account whenever you ask here. Answer "no" if it is not yours.`;
  return { status: "confirm", account, serverLabel, say };
}

function wrongCode(triesLeft: number): Redeemed {
  const left = triesLeft === 1 ? "1 try is left" : `${triesLeft} tries are left`;
  const next = triesLeft === 0 ? "Send your message again to get a new link." : `Please check it; ${left}.`;
  return { status: "wrong_code", triesLeft, say: `That code is not right. ${next}` };
}

function refused(reason: RefusedCode): Redeemed {
  return { status: "refused", reason, say: sayings[reason] };
}

/** The account's name for display, or its id if it has none. */
export function nameOf({ username, name, oid }: Account): string {
  return username ?? name ?? oid;
}
