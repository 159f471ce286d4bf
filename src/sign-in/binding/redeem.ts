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
 * What the newest message of a user was to sign-in. Only a `not_a_code` goes on to the model; for the others
 * show `say` instead, and after `bound` run `prompt`.
 * @group Sign-in
 */
export type Redeemed =
  /** An ordinary message. */
  | { readonly status: "not_a_code" }
  | { readonly status: "wrong_code"; readonly triesLeft: number; readonly say: string }
  /** The code was right: the person has to say that the account is theirs. */
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
 * Reads a code, or the yes after it, out of what the user wrote just now. Looks only under the principal of
 * the context; every wrong code counts against each sign-in that waits there, over all processes.
 */
export async function redeem(
  service: SignInInternals,
  context: UserContext,
  text: string,
): Promise<Redeemed> {
  liveInternalsOf(context);
  const { principal, principalKey: owner } = context;
  // A person who is known by a token needs no code: the sign-in is compared with the token.
  if (principal === undefined || owner === undefined || signInProof(principal)?.by !== "code")
    return { status: "not_a_code" };
  const { core } = service;
  const unconfirmed = await readUnconfirmed(core, owner, context.platform.conversationId);
  const code = codeIn(text);
  if (unconfirmed !== undefined && code === undefined)
    return answered(service, context, owner, unconfirmed, text);
  if (code === undefined) return { status: "not_a_code" };
  return tried(service, context, owner, code);
}

async function answered(
  service: SignInInternals,
  context: UserContext,
  owner: string,
  asked: Pending,
  text: string,
): Promise<Redeemed> {
  const answer = answerIn(text);
  if (answer === undefined)
    return (await isOver(service, owner, asked)) ? { status: "not_a_code" } : question(asked);
  // Of two answers at once, one counts.
  const pending = await takeUnconfirmed(service.core, owner, context.platform.conversationId);
  if (pending === undefined) return refused("expired");
  return answer === "no" ? refused("declined") : finish(service, context, owner, pending);
}

async function tried(
  service: SignInInternals,
  context: UserContext,
  owner: string,
  code: string,
): Promise<Redeemed> {
  const { core } = service;
  const waiting = await waitingOf(core, owner).read();
  if (waiting.length === 0) return looksOurs(code) ? refused("nothing_waiting") : { status: "not_a_code" };
  const { found, triesLeft } = await compare(core, owner, waiting, codeDigest(code));
  if (found === undefined && triesLeft === undefined) return refused("too_many_tries");
  if (found === undefined) return wrong(triesLeft ?? 0);
  const pending = found.expiresAt > core.now() ? await takePending(core, owner, found) : undefined;
  if (pending === undefined || (await isOver(service, owner, pending))) return refused("expired");
  const pinned = await readPin(core, owner);
  if (!allows(pinned, pending.arrived.account)) return refused("other_account");
  // Somebody who said yes to this account before is not asked again.
  if (pinned !== undefined) return finish(service, context, owner, pending);
  const asked = await keepUnconfirmed(core, owner, context.platform.conversationId, pending);
  return asked ? question(pending) : refused("expired");
}

/** Counts first and compares then: what is counted cannot be tried once more by being fast. */
async function compare(
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
      // All of them, also after a hit: how long it takes says nothing.
      if (one.ticketId === ticketId && sameDigest(one.digest, digest)) found = one;
    }
  }
  return { found, triesLeft };
}

async function finish(
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

/** Whether the person has signed out since. */
async function isOver(
  { core, grantsOf }: SignInInternals,
  owner: string,
  { generation }: Pending,
): Promise<boolean> {
  return (await grantsOf(core.agent).generation(owner)) !== generation;
}

function question({ ticket: { serverLabel, agent }, arrived: { account } }: Pending): Redeemed {
  const say = `Is ${nameOf(account)} your account? Answer "yes", and ${agent} will use ${serverLabel} as this account whenever you ask here. Answer "no" if it is not yours.`;
  return { status: "confirm", account, serverLabel, say };
}

function wrong(triesLeft: number): Redeemed {
  const left = triesLeft === 1 ? "1 try is left" : `${triesLeft} tries are left`;
  const next = triesLeft === 0 ? "Send your message again to get a new link." : `Please check it; ${left}.`;
  return { status: "wrong_code", triesLeft, say: `That code is not right. ${next}` };
}

function refused(reason: RefusedCode): Redeemed {
  return { status: "refused", reason, say: sayings[reason] };
}

/** For people; an account without a name is still one account, so its id stands in. */
export function nameOf({ username, name, oid }: Account): string {
  return username ?? name ?? oid;
}
