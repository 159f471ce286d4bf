import { aadstsFacts, unknownAadstsFacts } from "../../entra/aadsts.js";
import { agentAadstsFacts, type AgentStep } from "../../entra/agent-aadsts.js";
import { classifyRefusal, readRefusal } from "../../entra/classify.js";
import { errorCodes, type EntraRefusal, type ErrorCategory, type ErrorCode } from "../../errors.js";
import { errorCauses } from "../../errors/causes.js";
import { envelopeCodes, type EnvelopeCode } from "../../errors/envelope-codes.js";
import { parseJson } from "../../input/json-limits.js";
import { nearest } from "../../options/nearest.js";
import type { Invocation } from "../invocation.js";
import { readText } from "../read-text.js";
import type { Terminal } from "../terminal.js";
import { UsageError } from "../usage-error.js";

/** The explanation of one code. */
export interface Explained {
  readonly code: string;
  readonly known: boolean;
  readonly category?: ErrorCategory;
  readonly meaning: string;
  /** Who can fix it. */
  readonly whoseMove?: string;
  readonly next?: string;
  /** The next step per cause, if the code has several. */
  readonly causes?: readonly { readonly when: string; readonly next: string }[];
  readonly link?: string;
  /** What it means in the agent identity flow, where that differs. */
  readonly agentIdentity?: readonly {
    readonly step: AgentStep;
    readonly meaning: string;
    readonly next: string;
  }[];
}

/** The command `explain`. */
export async function explain({ values, positionals, line, out }: Invocation): Promise<boolean> {
  const given = positionals.join(" ").trim();
  if (given === "")
    throw new UsageError(
      "Name a code or an error text.",
      "For example: hosted-agent-identity explain AADSTS65001",
    );
  const text = given === "-" ? await readText("-", "error text", line) : given;
  const explained = explanations(text);
  if (values["json"] === true) out.json({ command: "explain", ok: allKnown(explained), errors: explained });
  else if (explained.length === 0) out.print("The text contains no AADSTS code and no code of this package.");
  else explained.forEach((one, at) => printOne(out, one, at > 0));
  return allKnown(explained);
}

function allKnown(explained: readonly Explained[]): boolean {
  return explained.length > 0 && explained.every(({ known }) => known);
}

/** Every code in a text, explained once: in the given order if there are only codes, else Entra's codes first. */
export function explanations(text: string): readonly Explained[] {
  const words = text.split(/[\s,;]+/).filter((word) => word !== "");
  const codes = words.map(codeIn);
  const found = codes.every((code) => code !== undefined) ? codes : codesWithin(text);
  const explained = [...new Set(found)].slice(0, mostCodes).map(explanationOf);
  if (explained.length > 0) return explained;
  const { error } = refusalIn(text) ?? {};
  if (error === undefined) return [];
  const { category } = classifyRefusal(refusalIn(text) ?? {});
  const meaning = "The response has no AADSTS code; this explains its OAuth error.";
  return [{ code: error, known: true, category, meaning, whoseMove: whoseMove[category] }];
}

const mostCodes = 16;
/** `AADSTS65001`, or the bare number. */
const entraCode = /^(?:AADSTS\s?)?(\d{4,8})$/i;
const ownCodes = [...Object.keys(errorCodes), ...Object.keys(envelopeCodes)];

/** A word that is a code or looks like one: `65001` or `consent_requird`. */
function codeIn(word: string): string | undefined {
  const [, number] = entraCode.exec(word) ?? [];
  if (number !== undefined) return `AADSTS${number}`;
  return ownCodes.includes(word) || /^[a-z]+(?:_[a-z]+)+$/.test(word) ? word : undefined;
}

/** The codes in running text. */
function codesWithin(text: string): readonly string[] {
  const refusal = refusalIn(text);
  const written = [...text.matchAll(/AADSTS\s?(\d{4,8})/gi)].map(([, digits]) => Number(digits));
  // A number in a sentence may be anything: only a known Entra code counts, and never one in a URL or a time.
  const bare = [...text.matchAll(/(?<![\w./-]|\w:)(\d{5,8})(?![\w/-]|[.:]\w)/g)]
    .map(([digits]) => Number(digits))
    .filter((number) => aadstsFacts(number) !== undefined);
  const numbers = [...written, ...(refusal?.errorCodes ?? []), ...bare].map((number) => `AADSTS${number}`);
  // The `error` of an Entra response, such as "invalid_request", is OAuth's: its category explains it.
  const own = ownCodes.filter((code) => code !== refusal?.error && isWordIn(text, code));
  return [...numbers, ...own];
}

/** A code of one word ("closed") is also plain English: it counts only in a list of codes. */
function isWordIn(text: string, code: string): boolean {
  return code.includes("_") && new RegExp(`(?<![\\w-])${code}(?![\\w-])`).test(text);
}

function explanationOf(code: string): Explained {
  const [, number] = entraCode.exec(code) ?? [];
  if (number !== undefined) return ofEntra(Number(number));
  if (Object.hasOwn(errorCodes, code)) return ofOurs(code as ErrorCode);
  return Object.hasOwn(envelopeCodes, code) ? ofEnvelope(code as EnvelopeCode) : unknownWord(code);
}

/** A response of Entra's token endpoint, also in the middle of a log line. */
function refusalIn(text: string): EntraRefusal | undefined {
  const answer = answerIn(text);
  return answer === undefined ? undefined : readRefusal(400, answer);
}

function answerIn(text: string): unknown {
  const [from, to] = [text.indexOf("{"), text.lastIndexOf("}")];
  if (from < 0 || to < from) return undefined;
  try {
    return parseJson(text.slice(from, to + 1));
  } catch {
    return undefined;
  }
}

/** Shows a word only if it is nearly a code; any other may be a pasted secret. */
function unknownWord(word: string): Explained {
  const near = nearest(word, ownCodes);
  return near === undefined
    ? { code: "unknown", known: false, meaning: "This is not a code of this package or of Entra." }
    : { code: word, known: false, meaning: `This is not a code of this package. Did you mean ${near}?` };
}

function ofEntra(number: number): Explained {
  const code = `AADSTS${number}`;
  const link = `https://login.microsoftonline.com/error?code=${number}`;
  const agentIdentity = (["exchange_token", "on_behalf_of"] as const).flatMap((step) => {
    const facts = agentAadstsFacts(step, number);
    return facts === undefined ? [] : [{ step, meaning: facts.meaning, next: facts.fix }];
  });
  const special = agentIdentity.length === 0 ? {} : { agentIdentity };
  const facts = aadstsFacts(number);
  if (facts === undefined && agentIdentity.length > 0)
    return { code, known: true, meaning: "Known in the agent identity flow only.", link, ...special };
  if (facts === undefined) {
    const { category, meaning, fix: next } = unknownAadstsFacts(number);
    const guess = `This version does not know this code. By its first digits: ${meaning}`;
    return { code, known: false, category, meaning: guess, whoseMove: whoseMove[category], next, link };
  }
  const { category, meaning, fix: next } = facts;
  return { code, known: true, category, meaning, whoseMove: whoseMove[category], next, link, ...special };
}

function ofOurs(code: ErrorCode): Explained {
  const { category, title: meaning, help: next } = errorCodes[code];
  const causes = Object.values(errorCauses[code] ?? {}).map(({ when, help }) => ({ when, next: help }));
  const several = causes.length === 0 ? {} : { causes };
  return { code, known: true, category, meaning, whoseMove: whoseMove[category], next, ...several };
}

function ofEnvelope(code: EnvelopeCode): Explained {
  const { status, title, help: next } = envelopeCodes[code];
  return { code, known: true, meaning: `${title} (HTTP ${status})`, next };
}

function printOne(out: Terminal, explained: Explained, further: boolean): void {
  if (further) out.print();
  const {
    code,
    known,
    category,
    meaning,
    whoseMove: who,
    next,
    link,
    causes = [],
    agentIdentity = [],
  } = explained;
  out.print(
    `${known ? out.bold(out.plain(code)) : out.yellow(out.plain(code))}${category === undefined ? "" : `  ${out.dim(category)}`}`,
  );
  out.print(`  means       ${meaning}`);
  if (who !== undefined) out.print(`  fixed by    ${who}`);
  if (next !== undefined) out.print(`  next        ${next}`);
  for (const { when, next: then } of causes) out.print(`  if ${when}: ${then}`);
  for (const { step, meaning: there, next: then } of agentIdentity) {
    const request = {
      exchange_token: "the blueprint's request",
      on_behalf_of: "the agent identity's request",
    }[step];
    out.print(`  with agentOnBehalfOf(), ${request}: ${there} ${then}`);
  }
  if (link !== undefined) out.print(`  page        ${link}`);
}

/** Who can fix an error, by its category, as in docs/errors.md. */
export const whoseMove: Readonly<Record<ErrorCategory, string>> = {
  consent: "the user or an administrator, by opening a link",
  signin: "the user, by signing in again",
  stepup: "the user, by meeting a claims challenge, such as MFA",
  blocked: "an administrator: a policy says no",
  admin: "an administrator: assignment, tenant, account",
  config: "the developer",
  cred: "the developer: the app's own credential",
  retry: "time: a temporary problem",
  throttle: "time: wait as long as Retry-After says",
  loop: "the developer: the same request was repeated too often",
  input: "the caller: the request was not accepted",
};
