/** `npm run size`: what importing each entry costs, of what is published. The budgets are in size.test.ts. */
import { entrySizes } from "./entry-sizes.js";

const kilobytes = (bytes: number): string => `${(bytes / 1024).toFixed(1)} kB`;
const list = (names: readonly string[]): string => names.join(", ") || "nothing";

const rows = (await entrySizes()).map(({ entry, minified, besideRoot, gzip, atOnce, later }) => [
  entry,
  kilobytes(minified),
  kilobytes(besideRoot),
  kilobytes(gzip),
  list(atOnce),
  list(later),
]);
const table = [["entry", "minified", "beside the root", "gzip", "pulls in", "when first needed"], ...rows];
const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
for (const row of table)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
