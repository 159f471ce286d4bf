import { recordBinding, type SignInCore } from "../core.js";

/** As long as a link, a code and a yes may take. */
const promptMs = 25 * 60_000;
/** A longer message is not kept: the person types it again. In characters (UTF-16 code units). */
export const maxPromptLength = 100_000;

/** Keeps the message that a sign-in interrupted, for this principal in this conversation. */
export async function keepPrompt(
  core: SignInCore,
  owner: string,
  conversation: string | undefined,
  prompt: string,
): Promise<void> {
  if (prompt === "" || prompt.length > maxPromptLength) return;
  const binding = bindingOf(core, owner, conversation);
  const key = core.keys.storeKey("prompt", ...binding);
  await core.store.delete(key);
  await core.store.setIfAbsent(key, core.keys.seal("prompt", binding, prompt), promptMs);
}

/** The interrupted message, once. */
export async function takePrompt(
  core: SignInCore,
  owner: string,
  conversation: string | undefined,
): Promise<string | undefined> {
  const binding = bindingOf(core, owner, conversation);
  const sealed = await core.store.take(core.keys.storeKey("prompt", ...binding));
  const prompt = sealed === undefined ? undefined : core.keys.open("prompt", binding, sealed);
  return typeof prompt === "string" ? prompt : undefined;
}

function bindingOf(core: SignInCore, owner: string, conversation: string | undefined): readonly string[] {
  return [...recordBinding(core, owner), conversation ?? ""];
}
