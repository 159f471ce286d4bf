/**
 * Loaded before everything else into every process of the demo (`--import`, which its child processes inherit).
 * Notes in the folder RECORD_TO what the process prints, which errors and events it makes, and which pages it is
 * served; and, apart from that, the secrets that pass through it, so that they can be searched for.
 */
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inspect } from "node:util";
import type { Capture, Secret } from "./search.js";
import { linkSecrets, secretsOfCookies, secretsOfForm, secretsOfReply } from "./secrets-on-the-wire.js";

/**
 * What can be captured, and what the whole demo has to show something of. Another kind is
 * another word here, a call of `shown()` where it arises, and a canary in scenes/canaries.ts.
 */
export const captureKinds = [
  "stdout",
  "stderr",
  "error",
  "event",
  "span",
  "page",
  "model input",
  "browser storage",
  "browser cookies",
  "browser history",
  "browser console",
  "referrer",
  "emulator log",
  "redis",
  "file store",
] as const;
export type CaptureKind = (typeof captureKinds)[number];

const folder = process.env["RECORD_TO"] ?? "";
const recording = folder !== "";
const program = `${basename(process.argv[1] ?? "node", ".js")} (${basename(join(process.argv[1] ?? "", ".."))})`;

/** Notes something that was shown. */
export function shown(kind: CaptureKind, text: string, where: string = program): void {
  write({ capture: { kind, where, text } });
}

/** Notes something that must not be seen anywhere. */
export function secret(...some: readonly Secret[]): void {
  for (const one of some) write({ secret: one });
}

function write(line: { readonly capture?: Capture; readonly secret?: Secret }): void {
  if (recording) appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(line)}\n`);
}

/** Everything that was noted in a folder, by all processes. */
export function recorded(from: string): { readonly captures: Capture[]; readonly secrets: Secret[] } {
  const lines = readdirSync(from).flatMap((file) =>
    readFileSync(join(from, file), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { capture?: Capture; secret?: Secret }),
  );
  const secrets = new Map<string, Secret>();
  for (const { secret: one } of lines)
    if (one !== undefined && !secrets.has(one.value)) secrets.set(one.value, one);
  // What one place showed is one text: a token that was printed in two pieces is still seen.
  const texts = new Map<string, { kind: string; where: string; text: string[] }>();
  for (const { capture } of lines) {
    if (capture === undefined) continue;
    const key = `${capture.kind}\n${capture.where}`;
    const known = texts.get(key) ?? { kind: capture.kind, where: capture.where, text: [] };
    known.text.push(capture.text);
    texts.set(key, known);
  }
  const captures = [...texts.values()].map(({ kind, where, text }) => ({
    kind,
    where,
    text: text.join(kind.startsWith("std") ? "" : "\n"),
  }));
  return { captures, secrets: [...secrets.values()] };
}

if (recording) {
  recordOutput();
  recordErrors();
  recordFetch();
}

function recordOutput(): void {
  for (const name of ["stdout", "stderr"] as const) {
    const stream = process[name];
    const print = stream.write.bind(stream) as (...all: unknown[]) => boolean;
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      shown(name, typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("latin1"));
      return print(chunk, ...rest);
    };
  }
}

/**
 * Every error that any code makes, ours or a dependency's, in every way that a log may write it. Classes extend
 * whatever `Error` is when they are defined, and this runs first.
 */
function recordErrors(): void {
  for (const name of ["Error", "TypeError", "SyntaxError", "RangeError", "AggregateError"] as const) {
    const watched = new Proxy(globalThis[name], {
      construct(target, args, made) {
        const error = Reflect.construct(target, args, made) as Error;
        // Its fields are set by then, and nobody has been able to end the process.
        process.nextTick(() => shown("error", written(error), error.name));
        return error;
      },
    });
    Object.defineProperty(globalThis, name, { value: watched, configurable: true, writable: true });
  }
}

function written(error: Error): string {
  const ways = [
    () => String(error),
    () => error.stack,
    () => JSON.stringify(error),
    () => JSON.stringify({ ...error, message: error.message }),
    () => inspect(error, { depth: 6 }),
    () => inspect(error, { depth: 3, showHidden: true, maxStringLength: null }),
  ];
  return ways
    .map((way) => {
      try {
        return way();
      } catch {
        return "";
      }
    })
    .join("\n");
}

/** Pages that are served, and the secrets in what is sent and answered. */
function recordFetch(): void {
  const send = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    if (typeof init?.body === "string") secret(...secretsOfForm(init.body));
    const response = await send(input, init);
    const url = new URL(input instanceof Request ? input.url : input);
    const location = response.headers.get("location");
    if (location !== null) secret(...linkSecrets(new URL(location, url).href));
    secret(...secretsOfCookies(response.headers.getSetCookie()));
    const type = response.headers.get("content-type") ?? "";
    const note = (text: string): void => {
      secret(...secretsOfReply(text));
      if (type.startsWith("text/html")) shown("page", text, `${url.host}${url.pathname}`);
    };
    const read = response
      .clone()
      .text()
      .then(note, () => undefined);
    // A stream may end long after its answer is wanted.
    if (!type.startsWith("text/event-stream")) await read;
    return response;
  };
}
