/** One shared token as it is sealed. What it belongs to is repeated beside it by the keyring. */
export interface SharedRecord {
  readonly token: string;
  /** As in `AccessToken`, milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly refreshAt?: number | undefined;
  readonly useUntil?: number | undefined;
  /** Until when it may be given out of the store: the store's own clock is not asked. */
  readonly until: number;
  /** What it was asked for with. */
  readonly scopes: readonly string[];
  readonly claims?: string | undefined;
  /** Of the principal, when the store was looked into. Older than the principal's own: not given any more. */
  readonly generation: number;
}

/** The record in an opened value, or `undefined` for one that another version may have written. */
export function readSharedRecord(value: unknown): SharedRecord | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const record = value as { readonly [name in keyof SharedRecord]?: unknown };
  const { token, expiresAt, refreshAt, useUntil, until, scopes, claims, generation } = record;
  if (typeof token !== "string" || typeof expiresAt !== "number" || typeof until !== "number")
    return undefined;
  if (typeof generation !== "number" || !isOptional(refreshAt, "number") || !isOptional(useUntil, "number"))
    return undefined;
  if (!isOptional(claims, "string") || !Array.isArray(scopes)) return undefined;
  if (!scopes.every((scope) => typeof scope === "string")) return undefined;
  return value as SharedRecord;
}

function isOptional(value: unknown, type: "number" | "string"): boolean {
  return value === undefined || typeof value === type;
}
