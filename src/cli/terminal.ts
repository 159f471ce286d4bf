import { hideSecrets } from "./hide-secrets.js";
import { printable } from "./printable.js";

/** Where text goes: a stream of a process. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** Prints to one stream. Pass untrusted text through `plain` first. */
export interface Terminal {
  print(line?: string): void;
  /** Removes what would move the cursor, or color or reorder the text. */
  plain(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
  /** One JSON document. */
  json(value: unknown): void;
}

/**
 * Colors in a terminal unless `NO_COLOR` is set; `FORCE_COLOR` and `--color` override that.
 * Source: no-color.org.
 */
export function terminal(
  stream: Output,
  env: Readonly<Record<string, string | undefined>>,
  { color }: { readonly color?: string | boolean | undefined } = {},
): Terminal {
  const wanted =
    typeof color === "boolean"
      ? color
      : (env["NO_COLOR"] ?? "") === "" &&
        (stream.isTTY === true || !["", "0"].includes(env["FORCE_COLOR"] ?? "")) &&
        env["TERM"] !== "dumb";
  const painted =
    (code: number) =>
    (text: string): string =>
      wanted ? `\u001b[${code}m${text}\u001b[0m` : text;
  return {
    print: (line = "") => void stream.write(`${hideSecrets(line)}\n`),
    plain: (text) => printable(text),
    red: painted(31),
    green: painted(32),
    yellow: painted(33),
    dim: painted(2),
    bold: painted(1),
    json: (value) =>
      void stream.write(`${printable(hideSecrets(JSON.stringify(value, undefined, 2)), "\n")}\n`),
  };
}
