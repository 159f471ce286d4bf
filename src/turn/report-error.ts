import { read } from "../consent/error-chain.js";
import { contextSlot } from "../context/user-context.js";
import { isHostedAgentIdentityError } from "../errors.js";
import { ignoreRejection } from "../async/deadline.js";
import { redacted } from "../errors/redact.js";
import { ownErrorIn } from "./failure.js";

/**
 * Tells the developer of an error. `onError` takes it as it was thrown; what it throws, or rejects with, changes
 * nothing. Without it, the error is printed, as Express, Fastify and Hono do, or a bug in a run would be seen by
 * nobody: once for each error object, and redacted, since others wrote its message. What the user or the caller
 * has to do, and that the caller has gone, are no faults and are not printed.
 */
export function reportError(onError: ((error: unknown) => void) | undefined, error: unknown): void {
  try {
    if (onError === undefined) return print(error);
    ignoreRejection(onError(error));
  } catch {
    // A listener's trouble is not the user's.
  }
}

/** What a printed error begins with. */
export const firstLine = "hosted-agent-identity: a turn failed. Give onError to take such errors yourself.";

const asksForSomething: ReadonlySet<string> = new Set(["consent", "signin", "stepup"]);

function print(error: unknown): void {
  const own = ownErrorIn(error);
  if (own !== undefined && (own.code === "turn_cancelled" || asksForSomething.has(own.category))) return;
  const { reported } = contextSlot;
  if (isObject(error)) {
    if (reported.has(error)) return;
    reported.add(error);
  }
  console.error([firstLine, ...described(error)].join("\n"));
}

const maxErrors = 6;
const maxName = 100;
const maxMessage = 4_096;
const maxStack = 32_768;
const maxFrames = 20;
const maxErrorsOfAggregate = 3;

/** The error and what caused it, nearest first. Own fields of foreign errors are left alone: they hold requests. */
function described(error: unknown): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  const left = [error];
  while (left.length > 0 && seen.size < maxErrors) {
    const one = left.shift();
    if (seen.has(one)) continue;
    const lead = seen.size === 0 ? "" : "caused by ";
    seen.add(one);
    lines.push(...[`${lead}${headline(one)}`, ...details(one)].map(printable));
    left.push(...causes(one));
  }
  return lines;
}

function headline(error: unknown): string {
  if (typeof error === "string") return redacted(error.slice(0, maxMessage));
  if (!isObject(error)) return `a value that is no Error: ${error === null ? "null" : typeof error}`;
  const [name, code, message] = [read(error, "name"), read(error, "code"), read(error, "message")];
  if (typeof message !== "string") return "an object that is no Error";
  const shownName = typeof name === "string" ? redacted(name.slice(0, maxName)) : "Error";
  const shownCode = /^[\w.-]{1,60}$/.test(String(isPlain(code) ? code : "")) ? ` [${String(code)}]` : "";
  return `${shownName}${redacted(shownCode)}: ${redacted(message.slice(0, maxMessage))}`;
}

function details(error: unknown): string[] {
  if (!isObject(error)) return [];
  const help = isHostedAgentIdentityError(error) ? [`    help: ${error.help}`] : [];
  const stack = read(error, "stack");
  if (typeof stack !== "string") return help;
  const frames = stack
    .slice(0, maxStack)
    .split("\n")
    .filter((line) => /^\s{1,16}at /.test(line));
  return [...help, ...frames.slice(0, maxFrames).map(redacted)];
}

function causes(error: unknown): unknown[] {
  if (!isObject(error)) return [];
  const [cause, errors] = [read(error, "cause"), read(error, "errors")];
  const several = Array.isArray(errors) ? errors.slice(0, maxErrorsOfAggregate) : [];
  return [cause, ...(several as unknown[])].filter((one) => one !== undefined);
}

/** A message may hold what moves the cursor of whoever reads the log. */
function printable(line: string): string {
  // oxlint-disable-next-line no-control-regex -- these are the characters to replace
  return line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e]/g, "?");
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function isPlain(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}
