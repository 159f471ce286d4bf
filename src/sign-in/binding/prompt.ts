import type { SignInContext } from "../sign-in-context.js";
import { ownerRoom, placeIn, type OwnerRoom } from "./owner-room.js";

/** As long as a link, a code and a yes may take together. */
const promptMs = 25 * 60_000;
/** A longer message is not stored, only named: the user types it again. In characters (UTF-16 code units). */
export const maxPromptLength = 100_000;
/** How much one principal may have waiting, in all conversations. A sealed message is a third larger. */
const limits = { records: 16, bytes: 512 * 1024, ttlMs: promptMs };
/** How many messages before the newest one are named. They are not kept themselves. */
const maxEarlier = 9;
/** Of what a message is named by, in characters, and one that says that there was more. */
export const maxTitle = 60;

/** What the user wrote while the sign-in was waited for. */
export interface WaitingMessages {
  /** The newest message. Absent when it was too long. */
  readonly prompt?: string;
  /** The beginning of the newest message. */
  readonly title: string;
  /** The beginnings of those before it, the oldest first. */
  readonly earlier: readonly string[];
}

/**
 * Stores the message that a sign-in interrupted, for this principal in this conversation. The newest one is kept, and
 * those before it are named by their beginning. An empty prompt names a message that is too long to be kept.
 */
export async function keepPrompt(
  core: SignInContext,
  owner: string,
  conversation: string | undefined,
  prompt: string,
  title: string = prompt,
): Promise<void> {
  const named = titleOf(title);
  if (prompt === "" && named === "") return;
  const [room, place] = [roomOf(core, owner), placeIn(conversation)];
  const seen = await room.look(place);
  const before = messagesIn(seen?.value);
  const earlier = (before === undefined ? [] : [...before.earlier, before.title])
    .filter((one) => one !== named)
    .slice(-maxEarlier);
  const message: WaitingMessages = { title: named, earlier };
  const isShort = prompt !== "" && prompt.length <= maxPromptLength;
  if (isShort && (await room.keep(place, { ...message, prompt }, seen))) return;
  // Not kept: it is too long when sealed, or another process was faster, whose message then stays.
  const after = isShort ? messagesIn((await room.look(place))?.value) : before;
  if (JSON.stringify(after) === JSON.stringify(before)) await room.keep(place, message);
}

/** Messages that wait, and what removes them once they are on their way somewhere else. */
export interface KeptMessages {
  readonly messages: WaitingMessages;
  remove(): Promise<void>;
}

/** The messages that wait in this conversation. */
export async function readMessages(
  core: SignInContext,
  owner: string,
  conversation: string | undefined,
): Promise<KeptMessages | undefined> {
  const room = roomOf(core, owner);
  const seen = await room.look(placeIn(conversation));
  const messages = messagesIn(seen?.value);
  if (seen === undefined || messages === undefined) return undefined;
  return { messages, remove: () => room.remove(placeIn(conversation), seen) };
}

/** The messages that wait in all conversations of a principal. */
export async function allMessages(core: SignInContext, owner: string): Promise<readonly WaitingMessages[]> {
  const room = roomOf(core, owner);
  const all: WaitingMessages[] = [];
  for (const name of await room.names()) {
    const messages = messagesIn((await room.look(name))?.value);
    if (messages !== undefined) all.push(messages);
  }
  return all;
}

/** What waits now, and what was named before it: a message that is kept again has lost those before it. */
export function together(
  now: WaitingMessages | undefined,
  before: WaitingMessages | undefined,
): WaitingMessages | undefined {
  if (now === undefined || before === undefined) return now ?? before;
  const titles = new Set([...before.earlier, before.title, ...now.earlier]);
  titles.delete(now.title);
  return { ...now, earlier: [...titles].slice(-maxEarlier) };
}

/** Deletes a principal's interrupted messages, in all conversations. */
export async function dropPrompts(core: SignInContext, owner: string): Promise<void> {
  await roomOf(core, owner).clear();
}

function messagesIn(value: unknown): WaitingMessages | undefined {
  const { prompt, title, earlier } = Object(value) as { [K in keyof WaitingMessages]?: unknown };
  if (typeof title !== "string" || !Array.isArray(earlier)) return undefined;
  const named = { title, earlier: earlier.filter((one) => typeof one === "string") };
  return typeof prompt === "string" ? { ...named, prompt } : named;
}

/** The beginning of a message, in one line. */
export function titleOf(text: string): string {
  // The rest is not looked at, however long it is.
  const line = text
    .slice(0, 10 * maxTitle)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\s]+/gu, " ")
    .trim();
  const characters = Array.from(line);
  return characters.length <= maxTitle && text.length <= 10 * maxTitle
    ? line
    : `${characters.slice(0, maxTitle).join("")}…`;
}

function roomOf(core: SignInContext, owner: string): OwnerRoom {
  return ownerRoom(core, owner, "prompt", "kept", limits);
}
