import { recordBinding, type SignInContext } from "../sign-in-context.js";
import type { Account } from "./grant.js";
import { isSame } from "./record-changes.js";
import { recordName } from "./record-names.js";

/** Longer than any grant: a grant that has run out does not open the chat to another account. */
const pinMs = 400 * 24 * 3_600_000;

/** Which account a platform principal has said yes to. */
export type Pin = { readonly account: Account } | "unreadable" | undefined;

export async function readPin(core: SignInContext, principalKey: string): Promise<Pin> {
  const sealed = await core.store.get(keyOf(core, principalKey));
  return sealed === undefined ? undefined : opened(core, principalKey, sealed);
}

/**
 * Pins the account, unless another one is pinned; tells whether it is pinned now. Of two at once, one pins. A
 * pin that cannot be read keeps everybody out until `unpin()`: it may name somebody else.
 */
export async function pin(core: SignInContext, principalKey: string, account: Account): Promise<boolean> {
  const key = keyOf(core, principalKey);
  const sealed = core.keys.seal("pin", recordBinding(core, principalKey), account);
  if (await core.store.setIfAbsent(key, sealed, pinMs)) return true;
  const before = await core.store.get(key);
  const known = before === undefined ? undefined : opened(core, principalKey, before);
  if (!allows(known, account) || before === undefined) return false;
  await core.store.compareAndSet(key, before, sealed, pinMs);
  return true;
}

/** Takes a pin back whose sign-in came to nothing; another account's stays. */
export async function takePinBack(
  core: SignInContext,
  principalKey: string,
  account: Account,
): Promise<void> {
  const key = keyOf(core, principalKey);
  const sealed = await core.store.get(key);
  if (sealed === undefined || !allows(opened(core, principalKey, sealed), account)) return;
  // Deletes exactly what was read: it is over with the next millisecond.
  await core.store.compareAndSet(key, sealed, sealed, 1);
}

/** Whether the account may be bound as far as the pin goes. */
export function allows(known: Pin, account: Account): boolean {
  return known === undefined || (known !== "unreadable" && isSame(known.account, account));
}

export async function removePin(core: SignInContext, principalKey: string): Promise<void> {
  await core.store.delete(keyOf(core, principalKey));
}

function opened(core: SignInContext, principalKey: string, sealed: string): Pin {
  const account = core.keys.open("pin", recordBinding(core, principalKey), sealed);
  return account === undefined ? "unreadable" : { account: account as Account };
}

function keyOf(core: SignInContext, principalKey: string): string {
  return recordName("pin", ...recordBinding(core, principalKey));
}
