/** One header after another, as they came: a header that comes twice is two pairs. */
export type HeaderPairs = readonly (readonly [name: string, value: string])[];

/**
 * Headers in any of the usual shapes: `Headers`, pairs, or an object. Node's `headersDistinct` shows every
 * repeat; its `headers` drops a second `authorization`.
 */
export type HeadersLike =
  | Headers
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** Headers as pairs, names in lower case. */
export function headerPairs(headers: HeadersLike): HeaderPairs {
  if (Symbol.iterator in headers) {
    return Array.from(headers as Iterable<readonly [string, string]>, ([name, value]) => pair(name, value));
  }
  return Object.entries(headers).flatMap(([name, value = []]) =>
    (typeof value === "string" ? [value] : value).map((one) => pair(name, one)),
  );
}

/** Node's `rawHeaders` (name, value, name, value, ...) as pairs, names in lower case. */
export function rawHeaderPairs(rawHeaders: readonly string[]): HeaderPairs {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push(pair(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""));
  }
  return pairs;
}

/** Every value a header came with, in order. The name is given in lower case. */
export function valuesOf(pairs: HeaderPairs, name: string): readonly string[] {
  return pairs.filter(([one]) => one === name).map(([, value]) => value);
}

function pair(name: string, value: string): readonly [string, string] {
  return [name.toLowerCase(), value];
}
