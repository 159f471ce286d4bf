import { withoutSecrets } from "./secrets.js";

/** One thing that was looked at; `problem` says what was wrong. */
export interface Check {
  readonly name: string;
  readonly problem: string | undefined;
}

/** What a counterpart has looked at so far. */
export interface Checks {
  readonly all: readonly Check[];
  /** Lines that are printed whatever the outcome. */
  readonly notes: readonly string[];
  note(line: string): void;
  add(name: string, problem?: string): void;
  /** Whatever is thrown, also by an assertion, is the problem. */
  check(name: string, look: () => Promise<void> | void): Promise<void>;
}

/** Starts with none. No problem is kept with a token or a link in it. */
export function newChecks(): Checks {
  const all: Check[] = [];
  const notes: string[] = [];
  const add = (name: string, problem?: string): void => {
    all.push({ name, problem: problem === undefined ? undefined : withoutSecrets(problem) });
  };
  return {
    all,
    notes,
    note: (line) => void notes.push(withoutSecrets(line)),
    add,
    async check(name, look) {
      try {
        await look();
        add(name);
      } catch (error) {
        add(name, messageOf(error));
      }
    },
  };
}

/** What went wrong, in the words of whoever threw. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
