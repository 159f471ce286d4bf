import type { Children } from "./children.js";
import type { Checks } from "./checks.js";
import type { Environments } from "./environments/environments.js";

/** Software that nobody here wrote, and what has to hold between it and us. */
export interface Counterpart {
  /** On the command line and in the table. */
  readonly name: string;
  /** It is ended after this long, and has failed. */
  readonly timeoutMs: number;
  /** Plays the scenarios, and returns which versions it met: `openai 3.57.0`. */
  run(world: CounterpartWorld): Promise<string>;
}

/** What a counterpart is given. Everything in it ends with the counterpart, also when it took too long. */
export interface CounterpartWorld {
  readonly checks: Checks;
  readonly children: Children;
  readonly environments: Environments;
  /** Called at the end, the last first. */
  atEnd(close: () => Promise<void> | void): void;
}
