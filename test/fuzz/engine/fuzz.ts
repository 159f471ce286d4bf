import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { textsIn, type FuzzTarget, type Input } from "../target.js";
import { coverage, type Coverage } from "./coverage.js";
import type { Branch } from "./instrument.js";
import { leaked, shown } from "./leak.js";
import { mutatedText, type Material } from "./mutate-text.js";
import { mutatedValue } from "./mutate-value.js";
import { random } from "./random.js";
import { commonWords } from "./words.js";

/** Longer than this no input may take, in milliseconds. */
export const mostMs = 100;

/** How one target is fuzzed. */
export interface FuzzOptions {
  readonly seed: number;
  readonly runs: number;
  readonly counters: Uint8Array;
  readonly branches: readonly Branch[];
  readonly words: readonly string[];
  /** What making the parsers ready has reached already. */
  readonly atStart: Uint8Array;
  /** Keeps no inputs but the seeds: to see what the guidance is good for. */
  readonly isBlind?: boolean;
  /** The number of an input to print before it runs: for one that never ends. */
  readonly print?: number;
  /** Called before each input. */
  beat(index: number): void;
}

/** An input that ended as none may end. */
export interface Finding {
  readonly what: "throws" | "leaks" | "slow" | "wrong" | "hangs";
  readonly detail: string;
  readonly input: Input;
  /** The number of the input in its run. */
  readonly index: number;
}

export interface FuzzResult {
  readonly inputs: number;
  readonly corpus: number;
  readonly slowestMs: number;
  readonly findings: readonly Finding[];
  readonly coverage: Coverage["branches"];
}

const neverMs = 5_000;
const maxCorpus = 5_000;
const maxFindings = 10;

/** Fuzzes one target. The same seed gives the same inputs, as long as the code is the same. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { runs, counters } = options;
  const inputs = inputsOf(target, options);
  const covered = coverage(options, target.files);
  const findings = new Map<string, Finding>();
  let slowestMs = 0;
  counters.fill(0);
  for (let index = 0; index < runs; index += 1) {
    const input = inputs.next(index);
    options.beat(index);
    if (index === options.print) console.log(JSON.stringify(input));
    const started = performance.now();
    let end = ended(target, input);
    if (end instanceof Promise) end = await inTime(end);
    let ms = performance.now() - started;
    if (covered.isNew() || index < target.seeds.length) inputs.keep(input);
    if (ms > mostMs && end !== never) ms = Math.min(ms, await quickest(target, input));
    slowestMs = Math.max(slowestMs, ms);
    const outcome: Outcome =
      end === never
        ? { what: "hangs", detail: `did not settle within ${neverMs} ms` }
        : ms > mostMs
          ? { what: "slow", detail: `took more than ${mostMs} ms, four times` }
          : judged(target, input, end);
    if (outcome === undefined || findings.size >= maxFindings) continue;
    const key =
      outcome.what === "leaks"
        ? "leaks"
        : `${outcome.what} ${outcome.detail.replace(/\d+/g, "0").slice(0, 160)}`;
    if (!findings.has(key)) findings.set(key, { ...outcome, input, index });
    // Each of the others would be waited for as long.
    if (outcome.what === "hangs" || outcome.what === "slow") break;
  }
  return {
    inputs: runs,
    corpus: inputs.kept(),
    slowestMs,
    findings: [...findings.values()],
    coverage: covered.branches,
  };
}

/**
 * A noisy machine makes an input slow once; an input that is slow itself is so every time, and costs the
 * processor as much.
 */
async function quickest(target: FuzzTarget, input: Input): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let again = 0; again < 3; again += 1) {
    const before = process.cpuUsage();
    const started = performance.now();
    await inTime(Promise.resolve(ended(target, input)));
    const ms = performance.now() - started;
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ms, (user + system) / 1000);
  }
  return best;
}

/** A promise that never settles is a finding like any other; what never returns is the watchdog's. */
async function inTime(end: Promise<End>): Promise<End> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<End>((resolve) => {
    timer = setTimeout(() => resolve(never), neverMs);
  });
  try {
    return await Promise.race([end, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How an input ended. */
type End = { readonly value: unknown } | { readonly error: unknown };

const never: End = { error: undefined };

function ended(target: FuzzTarget, input: Input): End | Promise<End> {
  try {
    const value = target.run(input);
    if (!(value instanceof Promise)) return { value };
    return value.then(
      (settled: unknown) => ({ value: settled }),
      (error: unknown) => ({ error }),
    );
  } catch (error) {
    return { error };
  }
}

type Outcome = Pick<Finding, "what" | "detail"> | undefined;

function judged(target: FuzzTarget, input: Input, end: End): Outcome {
  return "value" in end ? judgedValue(target, input, end.value) : judgedError(target, input, end.error);
}

function judgedValue(target: FuzzTarget, input: Input, value: unknown): Outcome {
  try {
    target.holds?.(input, value);
  } catch (error) {
    return { what: "wrong", detail: error instanceof Error ? error.message : String(error) };
  }
  return target.says === undefined ? undefined : leakIn(target, input, target.says(value));
}

function judgedError(target: FuzzTarget, input: Input, error: unknown): Outcome {
  const isRefusal = target.isRefusal ?? isHostedAgentIdentityError;
  if (!isRefusal(error)) return { what: "throws", detail: first(error) };
  return leakIn(target, input, shown(error));
}

function leakIn(target: FuzzTarget, input: Input, text: string): Outcome {
  const secrets = target.secrets?.(input) ?? (typeof input === "string" ? [input] : []);
  const window = leaked(secrets, text, known(target, input, secrets));
  return window === undefined
    ? undefined
    : { what: "leaks", detail: `shows ${JSON.stringify(window)} of a secret` };
}

/** What may be shown: what the target says, and what stands in the input besides its secrets. URLs lose their case. */
function known(target: FuzzTarget, input: Input, secrets: readonly string[]): string {
  const without = (text: string, secret: string): string =>
    secret === "" ? text : text.replace(secret, "\n");
  const rest = target.rest?.(input) ?? secrets.reduce(without, textsIn(input).join("\n"));
  return [rest, rest.toLowerCase(), ...(target.public ?? [])].join("\n");
}

/** The error and where it came from. */
function first(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error}`;
  const place = /at .*?([\w-]+\/[\w./-]+\.js:\d+)/.exec(error.stack ?? "")?.[1] ?? "";
  return `${error.name}: ${error.message.slice(0, 120)} (${place})`;
}

interface Inputs {
  next(index: number): Input;
  keep(input: Input): void;
  kept(): number;
}

function inputsOf(target: FuzzTarget, { seed, words, isBlind }: FuzzOptions): Inputs {
  const chance = random(seed, target.name);
  const corpus: Input[] = [];
  const own = [...(target.words ?? []), ...words];
  // Each source has the same weight, however many words it has.
  const mixed = [...repeated(own, commonWords.length), ...repeated(commonWords, own.length)];
  const another = (): Input => (corpus.length === 0 ? target.seeds[0] : chance.pick(corpus));
  const material: Material = {
    random: chance,
    words: mixed,
    other: () => someText(another(), chance.below(8)),
    value: (value) => mutatedValue(value, material, otherValue),
  };
  const otherValue = (): unknown => {
    try {
      return structuredClone(another());
    } catch {
      // Deeper than it can copy.
      return null;
    }
  };
  const mutated = (input: Input): Input => {
    if (target.shape === "text") return mutatedText(String(input), material);
    const next = mutatedValue(input, material, otherValue);
    const isObject = typeof next === "object" && next !== null && !Array.isArray(next);
    return target.shape === "fields" && !isObject ? input : next;
  };
  return {
    next(index) {
      const given = target.seeds[index];
      if (given !== undefined) return given;
      // What was found last has been tried least.
      const recent = Math.max(0, corpus.length - 40);
      const from = chance.oneIn(3)
        ? recent + chance.below(corpus.length - recent)
        : chance.below(corpus.length);
      let input = corpus[from];
      for (let changes = 1 + chance.below(chance.oneIn(4) ? 8 : 3); changes > 0; changes -= 1)
        input = mutated(input);
      return input;
    },
    keep(input) {
      const isSeed = corpus.length < target.seeds.length;
      if (isSeed || (isBlind !== true && corpus.length < maxCorpus && sizeOf(input) < 20_000))
        corpus.push(input);
    },
    kept: () => corpus.length,
  };
}

function repeated(list: readonly string[], towards: number): string[] {
  const times = Math.max(1, Math.min(4, Math.round(towards / Math.max(1, list.length))));
  return Array.from({ length: times }, () => list).flat();
}

function sizeOf(input: Input): number {
  return typeof input === "string" ? input.length : (JSON.stringify(input) ?? "").length;
}

/** One of the texts of an input. */
function someText(input: Input, at: number): string {
  if (typeof input === "string") return input;
  if (typeof input !== "object" || input === null) return String(input);
  const values = Object.values(input);
  return values.length === 0 ? "" : someText(values[at % values.length], at >> 1);
}
