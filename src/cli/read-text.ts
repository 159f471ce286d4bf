import { open } from "node:fs/promises";
import { UsageError } from "./usage-error.js";

/** Where text comes from: standard input, or a file. */
export interface Input extends AsyncIterable<Buffer | string> {
  readonly isTTY?: boolean;
}

const maxBytes = 262_144;

/** The text of a file, or of standard input for `-`. Throws a usage error that never quotes the text. */
export async function readText(
  from: string,
  what: string,
  { stdin }: { readonly stdin: Input },
): Promise<string> {
  if (from === "-") return readStream(stdin, what);
  try {
    const file = await open(from);
    try {
      return await readStream(file.createReadStream({ autoClose: false }), what);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined;
    throw new UsageError(`${what}: the file could not be read (${String(code ?? "unknown")}).`);
  }
}

async function readStream(stream: Input, what: string): Promise<string> {
  if (stream.isTTY === true)
    throw new UsageError(
      `${what}: name a file, or pipe it into standard input.`,
      "Never pass it as an argument: it would stay in the shell history.",
    );
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const buffer = Buffer.from(chunk);
    bytes += buffer.length;
    if (bytes > maxBytes) throw new UsageError(`${what}: more than ${maxBytes} bytes.`);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A pasted token: removes line breaks, quotes and the word Bearer. */
export async function readToken(from: string, line: { readonly stdin: Input }): Promise<string> {
  const text = (await readText(from, "token", line))
    .trim()
    .replace(/^"(.*)"$/s, "$1")
    .replace(/^(?:authorization:\s*)?bearer\s+/i, "");
  const token = text.replace(/\s+/g, "");
  if (token === "") throw new UsageError("token: the input is empty.");
  return token;
}
