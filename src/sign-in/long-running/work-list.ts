import { HostedAgentIdentityError } from "../../errors.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import { sealedCell, type Cell } from "../grants/sealed-cell.js";
import { recordName } from "../grants/record-names.js";

/** A piece of work that has not ended. */
export interface ListedWork {
  readonly id: string;
  /** How much is stored for it, its own grant included. */
  readonly bytes: number;
  readonly at: number;
  readonly until: number;
  /** The principal's generation when it began. The work has ended when that has changed. */
  readonly generation: number;
}

/** The work of one principal that has not ended: no principal may fill the store with it. */
export interface WorkList {
  /** Throws `quota_reached` when there is no room. Only work that has ended makes room. */
  add(work: ListedWork): Promise<void>;
  /** Throws `quota_reached` when there is no room at all. */
  check(generation: number): Promise<void>;
  remove(id: string): Promise<void>;
  /** What is listed, also of work that has ended meanwhile. */
  all(): Promise<readonly ListedWork[]>;
}

/** How much work one principal may have at a time. */
const limits = { works: 200, bytes: 4 * 1024 * 1024 };
/** Longer than it takes to begin work, which is counted first and stored then. */
const settledMs = 60_000;

/** The list of a principal. It is stored until the last of its work has ended. */
export function workList(
  core: SignInContext,
  principalKey: string,
  isLive: (id: string) => Promise<boolean> = async () => true,
): WorkList {
  const { keys, now } = core;
  const binding = recordBinding(core, principalKey);
  const list: Cell<readonly ListedWork[]> = sealedCell<readonly ListedWork[]>(core.store, {
    key: recordName("works", ...binding),
    ttlMs: 1,
    ttlOf: (works) => Math.max(1, ...works.map(({ until }) => until - now())),
    none: [],
    seal: (works) => keys.seal("works", binding, works),
    open: (text) => keys.open("works", binding, text) as readonly ListedWork[] | undefined,
  });
  const going = (works: readonly ListedWork[], generation: number): readonly ListedWork[] =>
    works.filter((one) => one.until > now() && one.generation === generation);

  /** Work that ended on the connections page is taken off the list only when its place is needed. */
  const makeRoom = async (generation: number, bytes: number): Promise<void> => {
    const works = going(await list.read(), generation);
    if (!isFull(works, bytes)) return;
    const dead = new Set<string>();
    for (const { id, at } of works) if (at + settledMs <= now() && !(await isLive(id))) dead.add(id);
    if (
      isFull(
        works.filter(({ id }) => !dead.has(id)),
        bytes,
      )
    )
      throw quotaReached(works.length);
    await list.update((known) => known.filter(({ id }) => !dead.has(id)));
  };

  return {
    async add(work) {
      await makeRoom(work.generation, work.bytes);
      await list.update((known) => {
        const others = going(known, work.generation).filter(({ id }) => id !== work.id);
        if (isFull(others, work.bytes)) throw quotaReached(others.length);
        return [...others, work];
      });
    },
    check: (generation) => makeRoom(generation, 0),
    all: () => list.read(),
    async remove(id) {
      await list.update((known) =>
        known.some((one) => one.id === id) ? known.filter((one) => one.id !== id) : undefined,
      );
    },
  };
}

function isFull(works: readonly ListedWork[], bytes: number): boolean {
  const size = works.reduce((sum, one) => sum + one.bytes, bytes);
  return works.length >= limits.works || size > limits.bytes;
}

function quotaReached(works: number): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "quota_reached",
    `This user has ${works} pieces of long-running work; at most ${limits.works}, or ${limits.bytes} bytes of them, are allowed.`,
  );
}
