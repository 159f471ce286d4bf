import { readPin } from "./pin.js";
import type { SignInContext } from "../sign-in-context.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { recordName } from "./record-names.js";
import type { SignInStore } from "../stores/store.js";
import type { Account } from "./grant.js";
import { isSame } from "./record-changes.js";
import { sealedCell, type Cell, type SeenText } from "./sealed-cell.js";

/**
 * The principals that signed in with an account, for its connections page and `forgetAccount()`. It may list one that
 * has signed out meanwhile. It never lacks one that has a grant.
 */
export interface AccountIndex {
  list(account: AccountId): Promise<readonly string[]>;
  /** As it is stored. */
  look(account: AccountId): Promise<SeenText>;
  /** `until`: when the grant ends by itself. Throws `quota_reached` when the index is full of live entries. */
  add(account: AccountId, principalKey: string, until?: number, seen?: SeenText): Promise<void>;
  /** The same, but an entry that is there stays as it is. */
  expect(account: AccountId, principalKey: string, until: number): Promise<void>;
  remove(account: AccountId, principalKey: string): Promise<void>;
}

type AccountId = Pick<Account, "tid" | "oid">;

interface Entry {
  readonly owner: string;
  /** When it was written: a sign-in that is just being stored has no grant yet. */
  readonly at: number;
  readonly until?: number | undefined;
}

/** Longer than any grant lives unused: see `reindexMs`. */
const ttlMs = 400 * 24 * 3_600_000;
/** A grant that is used is written into its index again after this long. */
export const reindexMs: number = 30 * 24 * 3_600_000;
/** The size of one account's index before it is sealed: about 1 400 chats. */
export const maxIndexBytes: number = 256 * 1024;
/** Much longer than a sign-in takes between writing its index entry and its grant. */
const settledMs = 10 * 60_000;

/** The index of one agent, cloud and client. `hasGrant`: whether a principal has a grant of the account. */
export function accountIndex(
  core: SignInContext,
  store: SignInStore,
  hasGrant: (principalKey: string, account: AccountId) => Promise<boolean>,
): AccountIndex {
  const { agent, app, keys, now } = core;
  const cellOf = ({ tid, oid }: AccountId): Cell<readonly Entry[]> => {
    const binding = [agent, app.facts.cloud.loginEndpoint, app.facts.clientId, tid, oid];
    return sealedCell<readonly Entry[]>(store, {
      key: recordName("index", ...binding),
      ttlMs,
      none: [],
      seal: (entries) => keys.seal("index", binding, entries),
      open: (text) => keys.open("index", binding, text) as readonly Entry[] | undefined,
    });
  };
  const live = (entries: readonly Entry[]): readonly Entry[] =>
    entries.filter(({ until = Infinity }) => until > now());

  /** A chat that has signed out is still pinned to its account, so `forgetAccount()` has to find it. */
  const isNeeded = async ({ owner, at }: Entry, account: AccountId): Promise<boolean> => {
    if (at + settledMs > now() || (await hasGrant(owner, account))) return true;
    const pinned = await readPin(core, owner);
    return pinned !== undefined && (pinned === "unreadable" || isSame(pinned.account, account));
  };

  const enter = async (
    account: AccountId,
    entry: Entry,
    how: "anew" | "if_missing",
    seen?: SeenText,
  ): Promise<void> => {
    const cell = cellOf(account);
    const { owner } = entry;
    const write = async (
      dead: ReadonlySet<string>,
      before?: SeenText,
    ): Promise<readonly Entry[] | undefined> => {
      let others: readonly Entry[] | undefined;
      const change = (known: readonly Entry[]): readonly Entry[] | undefined => {
        const entries = live(known);
        others = undefined;
        if (how === "if_missing" && entries.some((one) => one.owner === owner)) return undefined;
        others = entries.filter((one) => one.owner !== owner && !dead.has(JSON.stringify(one)));
        const next = [...others, entry];
        return Buffer.byteLength(JSON.stringify(next)) > maxIndexBytes ? undefined : next;
      };
      // Who has not signed in yet most likely has no index.
      const written = await (how === "anew" ? cell.update(change, before) : cell.create(change));
      return written === undefined ? others : undefined;
    };
    const inTheWay = await write(new Set(), seen);
    if (inTheWay === undefined) return;
    // The exact entries that were seen: a principal that has signed in again since has another one.
    const dead = new Set<string>();
    for (const one of inTheWay) if (!(await isNeeded(one, account))) dead.add(JSON.stringify(one));
    if ((await write(dead)) !== undefined) throw new HostedAgentIdentityError("quota_reached");
  };

  return {
    list: async (account) => live(await cellOf(account).read()).map(({ owner }) => owner),
    look: async (account) => ({ text: await cellOf(account).raw() }),
    add: (account, owner, until, seen) => enter(account, { owner, at: now(), until }, "anew", seen),
    expect: (account, owner, until) => enter(account, { owner, at: now(), until }, "if_missing"),

    async remove(account, owner) {
      await cellOf(account).update((known) =>
        known.some((one) => one.owner === owner) ? known.filter((one) => one.owner !== owner) : undefined,
      );
    },
  };
}
