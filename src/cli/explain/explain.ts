import { aadstsFacts } from "../../entra/aadsts.js";
import { agentAadstsFacts, type AgentStep } from "../../entra/agent-aadsts.js";
import { classifyRefusal, readRefusal } from "../../entra/classify.js";
import { errorCodes, type ErrorCategory, type ErrorCode } from "../../errors.js";
import type { Invocation } from "../commands.js";
import { readText } from "../read-text.js";
import type { Terminal } from "../terminal.js";
import { UsageError } from "../usage-error.js";
import { whoseMove } from "./whose-move.js";
import { parseJson } from "../../input/json-limits.js";

/** What is said of one code. */
export interface Explained {
  readonly code: string;
  readonly known: boolean;
  readonly category?: ErrorCategory;
  readonly meaning: string;
  /** Who can end it. */
  readonly whoseMove?: string;
  readonly next?: string;
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
  else if (explained.length === 0)
    out.print("There is no AADSTS code and no code of this package in that text.");
  else explained.forEach((one, at) => printOne(out, one, at > 0));
  return allKnown(explained);
}

function allKnown(explained: readonly Explained[]): boolean {
  return explained.length > 0 && explained.every(({ known }) => known);
}

/** Every code in a text, explained once. */
export function explanations(text: string): readonly Explained[] {
  const numbers = new Set<number>();
  for (const [, digits] of text.matchAll(/AADSTS\s?(\d{4,8})/gi)) numbers.add(Number(digits));
  const answer = answerIn(text);
  const refusal = answer === undefined ? undefined : readRefusal(400, answer);
  for (const code of refusal?.errorCodes ?? []) numbers.add(code);
  if (/^\d{4,8}$/.test(text.trim())) numbers.add(Number(text));
  const own = (Object.keys(errorCodes) as ErrorCode[]).filter((code) => names(text, code));
  const explained = [...[...numbers].slice(0, 16).map(ofEntra), ...own.map(ofOurs)];
  if (explained.length > 0 || refusal?.error === undefined) return explained;
  const { category } = classifyRefusal(refusal);
  const meaning = "The answer has no AADSTS code; this is what its OAuth error stands for.";
  return [{ code: refusal.error, known: true, category, meaning, whoseMove: whoseMove[category] }];
}

/** Codes of one word ("closed") are words, too: only alone they are meant. */
function names(text: string, code: string): boolean {
  return (
    text.trim() === code || (code.includes("_") && new RegExp(`(?<![\\w-])${code}(?![\\w-])`).test(text))
  );
}

/** An answer of the token endpoint, also in the middle of a line of a log. */
function answerIn(text: string): unknown {
  const [from, to] = [text.indexOf("{"), text.lastIndexOf("}")];
  if (from < 0 || to < from) return undefined;
  try {
    return parseJson(text.slice(from, to + 1));
  } catch {
    return undefined;
  }
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
  if (facts === undefined) {
    const meaning =
      agentIdentity.length === 0
        ? "This code is not in the table of this version. Microsoft's page says what it means."
        : "Known in the agent identity flow only.";
    return { code, known: agentIdentity.length > 0, meaning, link, ...special };
  }
  const { category, meaning, fix: next } = facts;
  return { code, known: true, category, meaning, whoseMove: whoseMove[category], next, link, ...special };
}

function ofOurs(code: ErrorCode): Explained {
  const { category, title: meaning, help: next } = errorCodes[code];
  return { code, known: true, category, meaning, whoseMove: whoseMove[category], next };
}

function printOne(out: Terminal, explained: Explained, further: boolean): void {
  if (further) out.print();
  const { code, known, category, meaning, whoseMove: who, next, link, agentIdentity = [] } = explained;
  out.print(
    `${known ? out.bold(out.plain(code)) : out.yellow(out.plain(code))}${category === undefined ? "" : `  ${out.dim(category)}`}`,
  );
  out.print(`  means       ${meaning}`);
  if (who !== undefined) out.print(`  whose move  ${who}`);
  if (next !== undefined) out.print(`  next        ${next}`);
  for (const { step, meaning: there, next: then } of agentIdentity) {
    const request = {
      exchange_token: "the blueprint's request",
      on_behalf_of: "the agent identity's request",
    }[step];
    out.print(`  with agentOnBehalfOf(), ${request}: ${there} ${then}`);
  }
  if (link !== undefined) out.print(`  page        ${link}`);
}
