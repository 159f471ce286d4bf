import { invalid, unexpected } from "./invalid.js";
import { distance } from "./nearest.js";

/** How one option, or one argument, is checked. */
export interface OptionCheck<T> {
  readonly kind: OptionKind;
  /** What is accepted, in words, with unit and range. Error messages put it after "expected". */
  readonly expected: string;
  /** Whether it may be left out. `null` never counts as left out. */
  readonly optional: boolean;
  /** The default. */
  readonly otherwise?: T;
  /** The checks of its parts, if it or each item of it is an object of options. */
  readonly parts?: Readonly<Record<string, OptionCheck<unknown>>> | undefined;
  /** The value, or its default. Throws `invalid_option`; `at` says where, as in `userAccess: timeoutMs`. */
  read(value: unknown, at: string): T;
}

/** The kind of value an option takes. The table test passes values of every other kind to each option. */
export type OptionKind = "number" | "boolean" | "text" | "url" | "function" | "list" | "object" | "mixed";

/**
 * The options of a factory: a check for each. An option without one does not compile. `D` names the options
 * that have a default.
 */
export type OptionTable<O extends object, D extends keyof O = never> = {
  readonly [K in keyof O]-?: OptionCheck<K extends D ? Exclude<O[K], undefined> : O[K]>;
};

/** The names of all members of a union of options. */
export type KeyOfAny<O> = O extends O ? keyof O : never;

/** Checked options with their defaults. */
export type Checked<O extends object, D extends keyof O = never> = O & {
  readonly [K in D]-?: Exclude<O[K], undefined>;
};

/** Checks the options of a factory and adds the defaults. Throws `invalid_option`. */
export function readOptions<O extends object, D extends keyof O = never>(
  factory: string,
  table: OptionTable<O, D>,
  given: O,
): Checked<O, D> {
  if (!isObject(given)) throw unexpected(`${factory}: options`, objectOf(table), given, "");
  return readRows(`${factory}: options`, `${factory}: `, table, given) as Checked<O, D>;
}

/** An option that is an object of options. */
export function nested<O extends object, D extends keyof O = never>(
  table: OptionTable<O, D>,
): OptionCheck<Checked<O, D>> {
  const expected = objectOf(table);
  return {
    kind: "object",
    expected,
    optional: false,
    parts: table,
    read(value, at) {
      if (!isObject(value)) throw unexpected(at, expected, value);
      return readRows(at, `${at}.`, table, value) as Checked<O, D>;
    },
  };
}

type Rows = Readonly<Record<string, OptionCheck<unknown>>>;

function readRows(at: string, before: string, table: Rows, given: object): object {
  const values = valuesOf(at, table, given);
  refuseMisspelled(before, values);
  const read: Record<string, unknown> = {};
  for (const [name, check] of Object.entries(table)) {
    const value = check.read(values.known[name], before + name);
    if (value !== undefined) read[name] = value;
  }
  return read;
}

interface Values {
  readonly known: Readonly<Record<string, unknown>>;
  /** Names without a check. */
  readonly others: readonly string[];
}

/** Reads an object of options once. An object that throws when it is read is refused. */
function valuesOf(at: string, table: Rows, given: object): Values {
  const from = given as Readonly<Record<string, unknown>>;
  try {
    return {
      known: Object.fromEntries(Object.keys(table).map((name) => [name, from[name]])),
      others: Object.keys(from).filter((name) => !Object.hasOwn(table, name)),
    };
  } catch {
    throw unexpected(at, objectOf(table), given);
  }
}

/**
 * Refuses an unknown name that is nearly the name of an option: a misspelled limit must not be silently ignored. Other
 * unknown names pass, so that one object can describe an app to several factories.
 */
function refuseMisspelled(before: string, { known, others }: Values): void {
  const unset = Object.keys(known).filter((name) => known[name] === undefined);
  for (const written of others) {
    const meant = unset.find((name) => isNearly(written, name));
    if (meant !== undefined)
      throw invalid(before + written, `there is no such option. Did you mean ${meant}?`);
  }
}

function isNearly(written: string, name: string): boolean {
  if (Math.abs(written.length - name.length) > 2) return false;
  const [a, b] = [written.toLowerCase(), name.toLowerCase()];
  return distance(a, b) <= (name.length < 5 ? 0 : name.length < 8 ? 1 : 2);
}

function objectOf(table: Rows): string {
  const required = Object.keys(table).filter((name) => table[name]?.optional === false);
  return required.length === 0 ? "an object" : `an object with ${required.join(", ")}`;
}

function isObject(value: unknown): value is object {
  try {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
