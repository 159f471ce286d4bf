/** Why an argument is refused. Never repeats it. */
export interface ArgumentRefusal {
  readonly message: string;
  readonly hint: string;
}

/** Two parts of a token are enough: whoever cut off the signature still shows a person's claims. */
const token = /eyJ[\w-]{8,}\.[\w-]{8,}/;
/** A refresh token or code of Entra, and the form of its client secrets that secret scanners look for. */
const opaque = /(?:^|[\s=])[01]\.A[\w-]{20,}|(?:^|[\s=])[\w~.]{3}\dQ~[\w~.-]{31,34}$/;
/**
 * An option whose name says that a secret follows: by its last word, however the words are joined. `--token-file` names a
 * file, and the other options of ours end in no such word.
 */
const secretOption =
  /^--?(?:no-)?[\w.-]*?(?:pass(?:word|wd|phrase|code)?|pwd|pin|pat|otp|secrets?|tokens?|jwt|assertion|keys?|credentials?|creds?|cookies?|bearer|auth(?:orization)?|sas|signature|connection-?string|redis-?url|dsn)$/i;

/**
 * What has no place among the arguments: they are in the shell's history and in every list of processes.
 * `undefined` when all is well.
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

/** What stands before the value, cut off: a name of an option is no longer than this. */
function nameOf(argument: string): string {
  return argument.split("=", 1)[0]?.slice(0, 40) ?? "";
}
