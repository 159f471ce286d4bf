/** One thing measured, for the package and, where they can do it, its peers. Less is better in every row. */
export interface Row {
  readonly what: string;
  readonly unit: string;
  /** The most that `ours` may be. */
  readonly budget: number;
  readonly ours: number;
  readonly msalNode?: number;
  readonly azureIdentity?: number;
  /** Why a peer has no number, or how to read one. */
  readonly note?: string;
}

/** Whether a row misses its budget. A number that could not be measured misses it too. */
export function misses({ ours, budget }: Row): boolean {
  return !(ours <= budget);
}

/** What the process exits with: 1 when a budget is missed, or when nothing was measured. */
export function exitCode(rows: readonly Row[]): 0 | 1 {
  return rows.length === 0 || rows.some(misses) ? 1 : 0;
}

/** How many times more a peer needs than we do. */
export function ratio(peer: number | undefined, ours: number): number | undefined {
  return peer === undefined || !(ours > 0) ? undefined : peer / ours;
}

/** The rows as a table for people, notes below. */
export function table(rows: readonly Row[]): string {
  const heads = ["", "unit", "budget", "ours", "msal-node", "@azure/identity", "ratio", "verdict"];
  const cells = rows.map((row) => [
    row.what,
    row.unit,
    `<= ${row.budget}`,
    shown(row.ours),
    shown(row.msalNode),
    shown(row.azureIdentity),
    [row.msalNode, row.azureIdentity].map((peer) => times(ratio(peer, row.ours))).join(" / "),
    misses(row) ? "MISSED" : "ok",
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

function shown(value: number | undefined): string {
  if (value === undefined) return "-";
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}

function times(value: number | undefined): string {
  return value === undefined ? "-" : `${value >= 10 ? Math.round(value) : value.toPrecision(2)}x`;
}
