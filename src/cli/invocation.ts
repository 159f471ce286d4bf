import type { Input } from "./read-text.js";
import type { Output, Terminal } from "./terminal.js";

/** What the command line works with: a process, or a stand-in. */
export interface CommandLine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** What a command is run with. */
export interface Invocation {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly line: CommandLine;
  readonly out: Terminal;
  readonly signal: AbortSignal;
}
