import type { SignInCore } from "../core.js";
import type { SignInStore } from "../store.js";
import type { Account } from "./grant.js";
import { cell, type Cell } from "./sealed-cell.js";

/** Which principals signed in with an account. It may name one that has signed out meanwhile. */
export interface AccountIndex {
  list(account: AccountId): Promise<readonly string[]>;
  add(account: AccountId, principalKey: string): Promise<void>;
  remove(account: AccountId, principalKey: string): Promise<void>;
}

type AccountId = Pick<Account, "tid" | "oid">;

/** Longer than any grant lives unused: see `reindexMs`. */
const ttlMs = 400 * 24 * 3_600_000;
/** A grant that is used is written into its index again after this long. */
export const reindexMs: number = 30 * 24 * 3_600_000;
/** One person has few principals at one agent; more would be an attack on the size of the record. */
const maxPrincipals = 200;

/** Makes the index of one agent, cloud and client. */
export function accountIndex(core: SignInCore, store: SignInStore): AccountIndex {
  const { agent, app, keys } = core;
  const cellOf = ({ tid, oid }: AccountId): Cell<readonly string[]> => {
    const binding = [agent, app.facts.cloud.loginEndpoint, app.facts.clientId, tid, oid];
    return cell<readonly string[]>(store, {
      key: keys.storeKey("index", ...binding),
      ttlMs,
      none: [],
      seal: (principals) => keys.seal("index", binding, principals),
      open: (text) => keys.open("index", binding, text) as readonly string[] | undefined,
    });
  };
  return {
    list: (account) => cellOf(account).read(),
    async add(account, principalKey) {
      await cellOf(account).update((known) => [
        ...known.filter((one) => one !== principalKey).slice(1 - maxPrincipals),
        principalKey,
      ]);
    },
    async remove(account, principalKey) {
      await cellOf(account).update((known) =>
        known.includes(principalKey) ? known.filter((one) => one !== principalKey) : undefined,
      );
    },
  };
}
