import { recordBinding, type SignInContext } from "../sign-in-context.js";
import type { Account } from "./grant.js";
import { isSame } from "./record-changes.js";
import { recordName } from "./record-names.js";

/** Longer than any grant: a grant that has run out does not open the chat to another account. */
const pinMs = 400 * 24 * 3_600_000;

/** The account that a platform principal has confirmed. */
export type Pin = { readonly account: Account } | "unreadable" | undefined;

export async function readPin(core: SignInContext, principalKey: string): Promise<Pin> {
  const sealed = await core.store.get(keyOf(core, principalKey));
  return sealed === undefined ? undefined : openPin(core, principalKey, sealed);
}

/**
 * Pins the account unless another one is pinned. Returns whether it is pinned now. Of two at the same time one wins. A
 * pin that cannot be read refuses every account until `unpin()`: it may name another one.
 */
export async function pin(core: SignInContext, principalKey: string, account: Account): Promise<boolean> {
  const key = keyOf(core, principalKey);
  const sealed = core.keys.seal("pin", recordBinding(core, principalKey), account);
  if (await core.store.setIfAbsent(key, sealed, pinMs)) return true;
  const before = await core.store.get(key);
  const known = before === undefined ? undefined : openPin(core, principalKey, before);
  if (!allows(known, account) || before === undefined) return false;
  await core.store.compareAndSet(key, before, sealed, pinMs);
  return true;
}

/** Removes the pin of a sign-in that failed. Another account's pin stays. */
export async function takePinBack(
  core: SignInContext,
  principalKey: string,
  account: Account,
): Promise<void> {
  const key = keyOf(core, principalKey);
  const sealed = await core.store.get(key);
  if (sealed === undefined || !allows(openPin(core, principalKey, sealed), account)) return;
  // Deletes exactly what was read: it expires in a millisecond.
  await core.store.compareAndSet(key, sealed, sealed, 1);
}

/** Whether the account may be bound as far as the pin goes. */
export function allows(known: Pin, account: Account): boolean {
  return known === undefined || (known !== "unreadable" && isSame(known.account, account));
}

export async function removePin(core: SignInContext, principalKey: string): Promise<void> {
  await core.store.delete(keyOf(core, principalKey));
}

function openPin(core: SignInContext, principalKey: string, sealed: string): Pin {
  const account = core.keys.open("pin", recordBinding(core, principalKey), sealed);
  return account === undefined ? "unreadable" : { account: account as Account };
}

function keyOf(core: SignInContext, principalKey: string): string {
  return recordName("pin", ...recordBinding(core, principalKey));
}
