import type { Input } from "./read-text.js";
import type { Output, Terminal } from "./terminal.js";

/** The process that the command line runs in, or a stand-in for tests. */
export interface CommandLine {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
}

/** The input of a command. */
export interface Invocation {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly line: CommandLine;
  readonly out: Terminal;
  readonly signal: AbortSignal;
}
