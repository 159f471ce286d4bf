/** What an input is: text, JSON, or an object whose fields the target reads. */
export type Input = unknown;

/** A parser, and what is known about it. */
export interface FuzzTarget {
  /** Short, unique; `--only` takes it. */
  readonly name: string;
  /** Where outside bytes come from. */
  readonly from: string;
  /**
   * The files whose branches count, `src/…`; with `#name,name` only those top-level functions, where the rest of
   * the file is no parser.
   */
  readonly files: readonly string[];
  /** `text`: the input stays a string. `fields`: an object. `value`: any JSON. */
  readonly shape: "text" | "fields" | "value";
  /** Where it begins: good inputs, and every one that was a finding once. */
  readonly seeds: readonly Input[];
  /** Words of the format that the source does not hold. */
  readonly words?: readonly string[];
  /** Reads the input. Throws what the parser throws; returns what it gives. */
  run(input: Input): unknown;
  /**
   * The secrets of an input: no 24 characters in a row of them may be in an error, unless they also stand
   * elsewhere in the input. Default: the whole text.
   */
  secrets?(input: Input): readonly string[];
  /** The rest of an input, which may be shown. Default: all its texts without the first of each secret. */
  rest?(input: Input): string;
  /** What the parser was made with and may name: URLs, labels. */
  readonly public?: readonly string[];
  /** What else is said to somebody: the text of an answer, an event. No secret may be in it, either. */
  says?(value: unknown): string;
  /** What has to be true of a value. Throws when it is not. */
  holds?(input: Input, value: unknown): void;
  /** Whether a thrown value is an ordinary refusal. Default: an error of this package. */
  isRefusal?(error: unknown): boolean;
  /** Branches that no outside bytes can reach, each with its reason. */
  readonly unreachable?: readonly UnreachableBranch[];
  /** For parsers with a cost of their own (signatures, files): the runs are divided by it. */
  readonly cost?: number;
  /** In what an input can grow: each is doubled up to its limit, and has to cost no more for each unit of it. */
  readonly sizes?: readonly Size[];
}

/** One way in which an input grows. */
export interface Size {
  /** What is counted: "bytes", "yields". Unique in its target. */
  readonly of: string;
  /** The documented limit of it; where there is none, as far as it is tried. */
  readonly upTo: number;
  /** Where doubling begins, at the latest. Default: an eighth of `upTo`. */
  readonly from?: number;
  /** An input of this size that is accepted. It is made before the clock starts. */
  input(size: number): Input;
  /** Reads the input, and throws when it is not accepted. Default: the target's `run`. */
  run?(input: Input): unknown;
  /**
   * Work on the same input that is known to be linear. With it, the cost is held against the cost of that and not
   * against the cost of half the size.
   */
  readonly beside?: {
    readonly name: string;
    /** So many times its cost is the most. */
    readonly times: number;
    run(input: Input): unknown;
  };
}

export interface UnreachableBranch {
  readonly file: string;
  /** A part of the line. */
  readonly line: string;
  readonly why: string;
}

/** The text in an input: itself, or what stands in for it. */
export function textOf(input: Input): string {
  return typeof input === "string" ? input : (JSON.stringify(input) ?? "");
}

/** A field of an input as text. */
export function field(input: Input, name: string): string {
  return textOf(valueIn(input, name) ?? "");
}

/** A field of an input as text, if it is there. */
export function maybe(input: Input, name: string): string | undefined {
  const value = valueIn(input, name);
  return value === undefined || value === null ? undefined : textOf(value);
}

/** A field of an input, whatever it is. */
export function valueIn(input: Input, name: string): unknown {
  return typeof input === "object" && input !== null && Object.hasOwn(input, name)
    ? (input as Record<string, unknown>)[name]
    : undefined;
}

/** What of a link is for nobody but the person: everything behind its origin. */
export function behindOrigin(link: string): string {
  const url = urlIn(link);
  return url === undefined ? link : link.slice(url.origin.length);
}

/** Not `URL.canParse()`: Node 24 says yes to host names of more than 16 384 characters that `new URL()` refuses. */
export function urlIn(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Every text in an input, names of fields included. However deep it is: without recursion. */
export function textsIn(input: Input): string[] {
  const texts: string[] = [];
  const left: unknown[] = [input];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === "string") texts.push(value);
    else if (typeof value === "object" && value !== null)
      left.push(...Object.keys(value), ...Object.values(value));
  }
  return texts;
}

/** A field of an input as a list. */
export function listIn(input: Input, name: string): readonly unknown[] {
  const value = valueIn(input, name);
  return Array.isArray(value) ? value : [];
}
