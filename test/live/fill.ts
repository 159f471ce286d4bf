import type { RefusalRow, WorldValue } from "./refusals.js";

/** Where rows run: a value may be absent, and may be made anew at each reading. */
export interface World {
  readonly origin: string;
  value(name: WorldValue): Promise<string | undefined>;
}

/** A row with every value filled in, ready to be sent. */
export interface FilledRow {
  readonly tenant: string;
  readonly form: Record<string, string>;
  readonly headers: Record<string, string>;
}

/** Fills a row, or names the values that the world does not have. */
export async function fill(row: RefusalRow, world: World): Promise<FilledRow | { missing: WorldValue[] }> {
  const missing: WorldValue[] = [];
  const values = new Map<string, string>();
  const filled = async (text: string): Promise<string> => {
    let result = text;
    for (const [place, name] of text.matchAll(/\{([a-z_]+)\}/g)) {
      const key = name as WorldValue;
      const value = values.get(key) ?? (await world.value(key));
      if (value === undefined) missing.push(key);
      else values.set(key, value);
      result = result.replace(place, () => value ?? "");
    }
    return result;
  };
  const all = async (record: Readonly<Record<string, string>>): Promise<Record<string, string>> => {
    const entries: [string, string][] = [];
    for (const [key, text] of Object.entries(record)) entries.push([key, await filled(text)]);
    return Object.fromEntries(entries);
  };
  const tenant = await filled(row.tenant ?? "{tenant}");
  const form = await all(row.form);
  const headers = await all(row.headers ?? {});
  const basic = /^Basic (.*)$/.exec(headers["authorization"] ?? "")?.[1];
  if (basic !== undefined) headers["authorization"] = `Basic ${Buffer.from(basic).toString("base64")}`;
  return missing.length > 0 ? { missing } : { tenant, form, headers };
}

/** What the token endpoint answered. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** Sends a row; of one that is sent twice, the second answer. */
export async function answerTo(row: RefusalRow, world: World, request: FilledRow): Promise<Answer> {
  if (row.twice) await send(world, request);
  return send(world, request);
}

async function send(world: World, { tenant, form, headers }: FilledRow): Promise<Answer> {
  const response = await fetch(`${world.origin}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams(form),
    headers,
  });
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** What is compared of an answer; everything else changes from one to the next. */
export interface Shape {
  readonly status: number;
  readonly error: unknown;
  readonly codes: string;
  readonly suberror: unknown;
  /** The members of `access_token` in the claims challenge. */
  readonly claims: string | undefined;
  readonly retryAfter: boolean;
}

export function expectedShape({ expected }: RefusalRow): Shape {
  const { status, error, codes, suberror, claims, retryAfter = false } = expected;
  return { status, error, codes: codes.join(), suberror, claims, retryAfter };
}

export function shapeOf({ status, headers, body }: Answer): Shape {
  const codes: unknown = body["error_codes"];
  const claims: unknown = body["claims"];
  return {
    status,
    error: body["error"],
    codes: Array.isArray(codes) ? codes.join() : "none",
    suberror: body["suberror"],
    claims:
      typeof claims === "string" ? Object.keys(JSON.parse(claims).access_token ?? {}).join() : undefined,
    retryAfter: headers.has("retry-after"),
  };
}
