import type { Branch } from "./instrument.js";

/** What inputs have reached so far in the files of one target. */
export interface Coverage {
  /** Whether the input that just ran has reached what none before it had. Forgets the input. */
  isNew(): boolean;
  /** Branches that have been reached, and all there are. */
  readonly branches: readonly { readonly branch: Branch; readonly reached: boolean }[];
}

/** Where branches are counted. */
export interface Counted {
  readonly counters: Uint8Array;
  readonly branches: readonly Branch[];
  /** What was reached before the first input, by making the parsers. */
  readonly atStart: Uint8Array;
}

/**
 * Watches the counters of some files. Reaching a branch for the first time is new, and so is reaching it clearly
 * more often than before (twice, four times, eight times …): that is how loops are got into.
 */
export function coverage({ counters, branches, atStart }: Counted, files: readonly string[]): Coverage {
  const wanted = files.map(selection);
  const indices = branches.flatMap((branch, index) =>
    wanted.some(
      ({ file, functions }) =>
        branch.file === file && (functions === undefined || functions.has(branch.within)),
    )
      ? [index]
      : [],
  );
  for (const { file } of wanted) {
    if (!branches.some((branch) => branch.file === file)) throw new Error(`No branches in ${file}.`);
  }
  const watched = Uint32Array.from(indices);
  const seen = new Uint8Array(watched.length);
  return {
    isNew() {
      let isNew = false;
      for (let at = 0; at < watched.length; at += 1) {
        const count = counters[watched[at] as number] as number;
        if (count === 0) continue;
        const bit = 1 << Math.min(7, Math.floor(Math.log2(count)));
        if (((seen[at] as number) & bit) !== 0) continue;
        seen[at] = (seen[at] as number) | bit;
        isNew = true;
      }
      counters.fill(0);
      return isNew;
    },
    get branches() {
      return indices.map((index, at) => ({
        branch: branches[index] as Branch,
        reached: seen[at] !== 0 || atStart[index] !== 0,
      }));
    },
  };
}

function selection(text: string): {
  readonly file: string;
  readonly functions: ReadonlySet<string> | undefined;
} {
  const [file = "", names] = text.split("#");
  return { file, functions: names === undefined ? undefined : new Set(names.split(",")) };
}
