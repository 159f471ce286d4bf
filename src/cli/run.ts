import { parseArgs } from "node:util";
import { packageVersion } from "../foundry/version.js";
import { nearest } from "../options/nearest.js";
import { commands, commandNamed, overview, type Command } from "./commands.js";
import type { CommandLine } from "./invocation.js";
import { commonOptions, parserOptions } from "./options.js";
import { terminal, type Terminal } from "./terminal.js";
import { UsageError } from "./usage-error.js";

/** 0 success, 1 a check failed, 2 invalid usage, 130 interrupted. */
export const exitCodes = { good: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** Runs one command and returns the exit code. */
export async function runCommandLine(argv: readonly string[], line: CommandLine): Promise<number> {
  const { stdout, stderr, env } = line;
  const out = terminal(stdout, env);
  const err = terminal(stderr, env);
  try {
    return await dispatch(argv, line, out);
  } catch (error) {
    if (!(error instanceof UsageError)) {
      // Not Node's own report: the printer hides secrets.
      err.print(`${err.red("error")}  This should not have happened; please report it.`);
      for (const at of String(error instanceof Error ? error.stack : typeof error).split("\n"))
        err.print(err.plain(at));
      return exitCodes.failed;
    }
    err.print(`${err.red("error")}  ${err.plain(error.message)}`);
    if (error.hint !== undefined) err.print(`       ${err.plain(error.hint)}`);
    return exitCodes.usage;
  }
}

async function dispatch(argv: readonly string[], line: CommandLine, out: Terminal): Promise<number> {
  // Checked before parsing, so that no message about an option repeats a secret.
  const refusal = secretIn(argv);
  if (refusal !== undefined) throw new UsageError(refusal.message, refusal.hint);
  const [name, ...rest] = commandFirst(argv);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const about = name === "help" && rest[0] !== undefined ? known(rest[0]) : undefined;
    out.print(about?.help ?? overview);
    return name === undefined ? exitCodes.usage : exitCodes.good;
  }
  if (name === "--version" || name === "-v") {
    out.print(packageVersion);
    return exitCodes.good;
  }
  const command = known(name);
  const { values, positionals } = parsed(command, rest);
  if (values["help"] === true) {
    out.print(command.help);
    return exitCodes.good;
  }
  const print = terminal(line.stdout, line.env, { color: values["color"] });
  return interruptible(line, print, async (signal) => {
    const run = await command.load();
    const good = await run({ values, positionals, line, out: print, signal });
    return good ? exitCodes.good : exitCodes.failed;
  });
}

/** Options that every command has may come before it: `--json explain 65001`. */
function commandFirst(argv: readonly string[]): readonly string[] {
  const at = argv.findIndex((argument) => !argument.startsWith("-"));
  const [before, [name = "", ...rest]] = [argv.slice(0, at), argv.slice(at)];
  if (at <= 0 || name === "help") return argv;
  const early = before.find((option) => !(commonOptions as readonly string[]).includes(bare(option)));
  if (early === undefined) return [name, ...before, ...rest];
  const takers = commands.filter(({ options }) => (options as readonly string[]).includes(bare(early)));
  if (takers.length === 0) return argv;
  throw new UsageError(
    `--${bare(early)} belongs after the command.`,
    `For example: hosted-agent-identity ${takers[0]?.name} --${bare(early)} ...`,
  );
}

function known(name: string): Command {
  const command = commandNamed(name);
  if (command !== undefined) return command;
  const near = nearest(
    name,
    commands.map((one) => one.name),
  );
  // A word that resembles no command may be a pasted secret, so it is not repeated.
  if (near === undefined && name.startsWith("-"))
    throw new UsageError("There is no such option.", "See hosted-agent-identity --help.");
  if (near === undefined)
    throw new UsageError("There is no such command.", "See hosted-agent-identity --help.");
  throw new UsageError(
    `There is no command ${JSON.stringify(name)}.`,
    `Did you mean "hosted-agent-identity ${near}"?`,
  );
}

function parsed(
  command: Command,
  args: string[],
): { values: Readonly<Record<string, string | boolean | undefined>>; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: parserOptions(command.options),
      allowPositionals: true,
      allowNegative: true,
    });
    return { values: values as Record<string, string | boolean | undefined>, positionals };
  } catch (cause) {
    const option = args.find(
      (arg) =>
        arg.startsWith("--") && !(command.options as readonly string[]).includes(bare(arg)) && arg !== "--",
    );
    if (option === undefined)
      throw new UsageError(messageOf(cause), `See hosted-agent-identity ${command.name} --help.`);
    const near = nearest(bare(option), command.options);
    throw new UsageError(
      `${command.name} has no option ${JSON.stringify(option.split("=", 1)[0])}.`,
      near === undefined ? `See hosted-agent-identity ${command.name} --help.` : `Did you mean --${near}?`,
    );
  }
}

function bare(option: string): string {
  return option === "-h" ? "help" : (option.replace(/^--(no-)?/, "").split("=", 1)[0] ?? "");
}

/** The message of `parseArgs` about a known option without a value; it quotes no value. */
function messageOf(cause: unknown): string {
  const [first = ""] = cause instanceof Error ? cause.message.split("\n") : [];
  return first === "" ? "The options could not be read." : first;
}

/** The first Ctrl-C stops the command and says so; a second one ends the process. */
async function interruptible(
  { stderr, env }: CommandLine,
  out: Terminal,
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const controller = new AbortController();
  const interrupt = (): void => controller.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt);
  const interrupted = new Promise<number>((resolve) => {
    controller.signal.addEventListener("abort", () => resolve(exitCodes.interrupted), { once: true });
  });
  try {
    const code = await Promise.race([work(controller.signal), interrupted]);
    if (!controller.signal.aborted) return code;
    terminal(stderr, env).print(out.plain("Interrupted."));
    // Otherwise sockets or a read of standard input may keep the process alive.
    process.exit(exitCodes.interrupted);
  } finally {
    process.removeListener("SIGINT", interrupt);
  }
}

/** Why an argument is refused. Never repeats the argument. */
interface ArgumentRefusal {
  readonly message: string;
  readonly hint: string;
}

/** Two parts of a token are enough: without the signature, it still shows the user's claims. */
const token = /eyJ[\w-]{8,}\.[\w-]{8,}/;
/** An Entra refresh token or code, or a client secret in the form that secret scanners look for. */
const opaque = /(?:^|[\s=])[01]\.A[\w-]{20,}|(?:^|[\s=])[\w~.]{3}\dQ~[\w~.-]{31,34}$/;
/**
 * An option whose last word announces a secret, however its words are joined. `--token-file` ends in `file`, and none
 * of our other options ends in such a word.
 */
const secretOption =
  /^--?(?:no-)?[\w.-]*?(?:pass(?:word|wd|phrase|code)?|pwd|pin|pat|otp|secrets?|tokens?|jwt|assertion|keys?|credentials?|creds?|cookies?|bearer|auth(?:orization)?|sas|signature|connection-?string|(?:redis|database|postgres)-?url|dsn)$/i;

/**
 * The reason to refuse the arguments if one is a secret: they stay in the shell history and the process list.
 * `undefined` if none is.
 */
export function secretIn(argv: readonly string[]): ArgumentRefusal | undefined {
  if (argv.some((argument) => token.test(argument) || opaque.test(argument))) {
    return {
      message:
        "A token or secret was passed as an argument. It is now in your shell history: revoke it, or let it expire.",
      hint: "Pass tokens by file (--token-file <file>, inspect <file>) or standard input (-), secrets by environment variable.",
    };
  }
  const option = argv.map(nameOf).find((name) => secretOption.test(name));
  if (option === undefined) return undefined;
  return {
    message: `${option} is not an option: secrets are not accepted as arguments, where other processes can see them.`,
    hint: "Pass tokens by --token-file <file> or standard input (-), secrets by environment variable or --secret-file <file>.",
  };
}

/** The part before the value, cut to the longest possible option name. */
function nameOf(argument: string): string {
  return argument.split("=", 1)[0]?.slice(0, 40) ?? "";
}
