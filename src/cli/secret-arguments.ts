/** Why an argument is refused. Never repeats it. */
export interface ArgumentRefusal {
  readonly message: string;
  readonly hint: string;
}

/** Two parts of a token are enough: whoever cut off the signature still shows a person's claims. */
const token = /eyJ[\w-]{8,}\.[\w-]{8,}/;
const secretOption =
  /^--(?:user-|access-|bearer-)?(?:token|assertion|jwt)(?:=|$)|^--(?:client-)?(?:secret|password|keys?|encryption-keys?|sign-in-keys?|redis-url)(?:=|$)/i;

/**
 * What has no place among the arguments: they are in the shell's history and in every list of processes.
 * `undefined` when all is well.
 */
export function secretIn(argv: readonly string[]): ArgumentRefusal | undefined {
  if (argv.some((argument) => token.test(argument)))
    return {
      message: "A token was given as an argument. It is now in your shell's history: let it expire.",
      hint: "Give tokens by file (--token-file <file>, inspect <file>) or by standard input (-).",
    };
  const option = argv.find((argument) => secretOption.test(argument))?.split("=", 1)[0];
  return option === undefined
    ? undefined
    : {
        message: `${option} is no option: secrets are not taken as arguments, where other processes see them.`,
        hint: "Give tokens by --token-file <file> or standard input (-), secrets by environment variable or --secret-file <file>.",
      };
}
