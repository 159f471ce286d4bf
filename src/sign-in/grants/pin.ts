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

/** The pin of one sign-in. */
export interface Pinning {
  /**
   * Pins the account unless another one is pinned. Returns whether it is pinned now. Of two at the same time one wins. A
   * pin that cannot be read refuses every account until `unpin()`: it may name another one.
   */
  pin(): Promise<boolean>;
  /** Removes the pin of a sign-in that failed. One that was there before stays, and so does another sign-in's. */
  takeBack(): Promise<void>;
}

export function pinning(core: SignInContext, principalKey: string, account: Account): Pinning {
  const { keys, store } = core;
  const key = keyOf(core, principalKey);
  // No other text is the same: it tells who wrote it.
  const sealed = (): string => keys.seal("pin", recordBinding(core, principalKey), account);
  const own = sealed();
  return {
    async pin() {
      if (await store.setIfAbsent(key, own, pinMs)) return true;
      const before = await store.get(key);
      // The pin of a sign-in that failed has expired between these two steps.
      if (before === undefined) return store.setIfAbsent(key, own, pinMs);
      const known = openPin(core, principalKey, before);
      if (!allows(known, account)) return false;
      // Written anew, so that it lives longer. It is not ours to take back.
      await store.compareAndSet(key, before, sealed(), pinMs);
      return true;
    },
    // It expires in a millisecond.
    takeBack: async () => void (await store.compareAndSet(key, own, own, 1)),
  };
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
