/** Whom the package is measured beside, and how the table calls them. */
export const peerNames = {
  msalNode: "msal-node",
  azureIdentity: "@azure/identity",
  jose: "jose.jwtVerify",
  bearerAuth: "requireBearerAuth",
} as const;

export type Peer = keyof typeof peerNames;

export const peers: readonly Peer[] = Object.keys(peerNames) as Peer[];

/** One thing measured, for the package and, where they can do it, its peers. Less is better in every row. */
export interface Row extends Readonly<Partial<Record<Peer, number>>> {
  readonly what: string;
  readonly unit: string;
  /** The most that `ours` may be. */
  readonly budget: number;
  /** What is aimed at, where the budget only keeps what has been reached. */
  readonly goal?: number;
  readonly ours: number;
  /** Why a peer has no number, or how to read one. */
  readonly note?: string;
}

/** Whether a row misses its budget. A number that could not be measured misses it too. */
export function misses({ ours, budget }: Row): boolean {
  return !(ours <= budget);
}

/** Whether a row keeps its budget and is short of what is aimed at. */
export function isShort(row: Row): boolean {
  return row.goal !== undefined && !misses(row) && !(row.ours <= row.goal);
}

/** What the process exits with: 1 when a budget is missed, or when nothing was measured. */
export function exitCode(rows: readonly Row[]): 0 | 1 {
  return rows.length === 0 || rows.some(misses) ? 1 : 0;
}

/** How many times more a peer needs than we do. */
export function ratio(peer: number | undefined, ours: number): number | undefined {
  return peer === undefined || !(ours > 0) ? undefined : peer / ours;
}

/** Every peer's ratio, by its name. */
export function ratios(row: Row): Partial<Record<Peer, number>> {
  const known = peers.flatMap((peer) => {
    const value = ratio(row[peer], row.ours);
    return value === undefined ? [] : [[peer, value] as const];
  });
  return Object.fromEntries(known);
}

/** The rows as a table for people, notes below. A peer's ratio to us stands beside its number. */
export function table(rows: readonly Row[]): string {
  const measured = peers.filter((peer) => rows.some((row) => row[peer] !== undefined));
  const heads = ["", "unit", "budget", "ours", ...measured.map((peer) => peerNames[peer]), "verdict"];
  const cells = rows.map((row) => [
    row.what,
    row.unit,
    `<= ${row.budget}`,
    shown(row.ours),
    ...measured.map((peer) => beside(row[peer], row.ours)),
    misses(row) ? "MISSED" : isShort(row) ? `goal ${row.goal}` : "ok",
  ]);
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...cells.map((line) => line[column]?.length ?? 0)),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, column) =>
        column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
      )
      .join("  ");
  const notes = rows.flatMap(({ what, note }) => (note === undefined ? [] : [`  ${what}: ${note}`]));
  return [line(heads), line(widths.map((width) => "-".repeat(width))), ...cells.map(line), "", ...notes].join(
    "\n",
  );
}

/** A number as people read it: three digits that count. */
export function shown(value: number | undefined): string {
  if (value === undefined) return "-";
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return String(Math.round(value));
  return value.toPrecision(3);
}

function beside(peer: number | undefined, ours: number): string {
  const times = ratio(peer, ours);
  return times === undefined ? shown(peer) : `${shown(peer)} (${shownTimes(times)})`;
}

/** A ratio as people read it. */
export function shownTimes(value: number): string {
  return `${value >= 10 ? Math.round(value) : value.toPrecision(2)}x`;
}
