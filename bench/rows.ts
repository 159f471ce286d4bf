/**
 * Names of rows that are looked up again, for the chart and the numbers in the documentation.
 */

/** Numbers of users whose tokens are cached. */
export const sizes = [1, 10, 100, 1_000, 10_000, 100_000] as const;

/** The row of a call whose token is cached, beside those of so many users. */
export function cachedTokenRow(users: number): string {
  return `cached token p50, ${withSpaces(users)} user${users === 1 ? "" : "s"}`;
}

/** 100000 as "100 000". */
export function withSpaces(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, " ");
}
