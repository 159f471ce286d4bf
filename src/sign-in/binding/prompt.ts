import type { SignInContext } from "../sign-in-context.js";
import { ownerRoom, placeIn, type OwnerRoom } from "./owner-room.js";

/** As long as a link, a code and a yes may take together. */
const promptMs = 25 * 60_000;
/** A longer message is not stored: the user types it again. In characters (UTF-16 code units). */
export const maxPromptLength = 100_000;
/** How much one principal may have waiting, in all conversations. A sealed message is a third larger. */
const limits = { records: 16, bytes: 512 * 1024, ttlMs: promptMs };

/** Stores the message that a sign-in interrupted, for this principal in this conversation. */
export async function keepPrompt(
  core: SignInContext,
  owner: string,
  conversation: string | undefined,
  prompt: string,
): Promise<void> {
  if (prompt === "" || prompt.length > maxPromptLength) return;
  await roomOf(core, owner).keep(placeIn(conversation), prompt);
}

/** Takes the interrupted message: it is there once. */
export async function takePrompt(
  core: SignInContext,
  owner: string,
  conversation: string | undefined,
): Promise<string | undefined> {
  const prompt = await roomOf(core, owner).take(placeIn(conversation));
  return typeof prompt === "string" ? prompt : undefined;
}

/** Deletes a principal's interrupted messages, in all conversations. */
export async function dropPrompts(core: SignInContext, owner: string): Promise<void> {
  await roomOf(core, owner).clear();
}

function roomOf(core: SignInContext, owner: string): OwnerRoom {
  return ownerRoom(core, owner, "prompt", "kept", limits);
}
