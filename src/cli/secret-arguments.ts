/** Why an argument is refused. Never repeats the argument. */
export interface ArgumentRefusal {
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
  /^--?(?:no-)?[\w.-]*?(?:pass(?:word|wd|phrase|code)?|pwd|pin|pat|otp|secrets?|tokens?|jwt|assertion|keys?|credentials?|creds?|cookies?|bearer|auth(?:orization)?|sas|signature|connection-?string|redis-?url|dsn)$/i;

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
