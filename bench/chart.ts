import { cachedTokenRow, sizes, withSpaces } from "./rows.js";
import type { Results } from "./results.js";
import { peerNames, shown, type Row } from "./table.js";

const width = 760;
const height = 440;
/** The field that the lines are drawn in. */
const field = { left: 88, top: 74, right: 570, bottom: 366 };

interface Series {
  readonly name: string;
  readonly style: string;
  /** Shapes tell the lines apart for who does not see the colours. */
  readonly marker: (x: number, y: number) => string;
  readonly valueOf: (row: Row) => number | undefined;
}

const series: readonly Series[] = [
  {
    name: "msal-node",
    style: "msal",
    marker: (x, y) => `<path d="M${fixed(x - 6)} ${fixed(y + 5)}h12l-6 -11z"/>`,
    valueOf: ({ msalNode }) => msalNode,
  },
  {
    name: peerNames.azureIdentity,
    style: "identity",
    marker: (x, y) => `<rect x="${fixed(x - 5)}" y="${fixed(y - 5)}" width="10" height="10"/>`,
    valueOf: ({ azureIdentity }) => azureIdentity,
  },
  {
    name: "hosted-agent-identity",
    style: "ours",
    marker: (x, y) => `<circle cx="${fixed(x)}" cy="${fixed(y)}" r="5.5"/>`,
    valueOf: ({ ours }) => ours,
  },
];

/** How a call's cost grows with the users whose tokens are cached, as an SVG with logarithmic axes. */
export function growthChart(results: Results): string {
  const rows = sizes.map((users) => ({ users, row: results.row(cachedTokenRow(users)) }));
  const lines = series.map((one) => ({
    ...one,
    points: rows.flatMap(({ users, row }) => {
      const value = one.valueOf(row);
      return value === undefined ? [] : [{ users, value }];
    }),
  }));
  const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
  const [low, high] = [Math.floor(log(Math.min(...values))), Math.ceil(log(Math.max(...values)))];
  const x = (users: number): number =>
    field.left + (log(users) / log(Math.max(...sizes))) * (field.right - field.left);
  const y = (ms: number): number =>
    field.bottom - ((log(ms) - low) / (high - low)) * (field.bottom - field.top);
  const said = lines
    .map(({ name, points }) => `${name}: ${points.map(spoken).join(", ")}${stops(points)}`)
    .join(". ");

  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">Time of a call whose token is cached, from 1 to 100 000 users</title>`,
    `<desc id="desc">Milliseconds a call at the median, both axes logarithmic. ${escaped(said)}.</desc>`,
    style,
    `<rect class="paper" width="${width}" height="${height}" rx="8"/>`,
    `<text class="head" x="24" y="34">A call whose token is cached: milliseconds, median</text>`,
    `<text x="24" y="54">less is better; both axes are logarithmic; Node ${escaped(results.node.replace(/^v/, ""))}, ${results.cores} cores</text>`,
    ...Array.from({ length: high - low + 1 }, (_, at) => low + at).flatMap((power) => [
      `<path class="grid" d="M${field.left} ${fixed(y(10 ** power))}H${field.right}"/>`,
      `<text class="end" x="${field.left - 10}" y="${fixed(y(10 ** power) + 4)}">${power < 0 ? (10 ** power).toFixed(-power) : withSpaces(10 ** power)} ms</text>`,
    ]),
    ...sizes.flatMap((users) => [
      `<path class="grid" d="M${fixed(x(users))} ${field.top}V${field.bottom}"/>`,
      `<text class="middle" x="${fixed(x(users))}" y="${field.bottom + 22}">${withSpaces(users)}</text>`,
    ]),
    `<text class="middle" x="${(field.left + field.right) / 2}" y="${field.bottom + 48}">users whose tokens are cached</text>`,
    ...lines.flatMap(({ name, style, marker, points }) => {
      const last = points.at(-1);
      if (last === undefined) return [];
      const path = points.map(({ users, value }) => `${fixed(x(users))} ${fixed(y(value))}`).join("L");
      const label = { x: x(last.users) + 14, y: y(last.value) };
      return [
        `<g class="${style}"><path class="line" d="M${path}"/>${points.map(({ users, value }) => marker(x(users), y(value))).join("")}`,
        `<text class="name" x="${fixed(label.x)}" y="${fixed(label.y - 2)}">${escaped(name)}</text>`,
        `<text x="${fixed(label.x)}" y="${fixed(label.y + 15)}">${shown(last.value)} ms${last.users === Math.max(...sizes) ? "" : ` at ${withSpaces(last.users)}`}</text></g>`,
      ];
    }),
    `</svg>`,
    ``,
  ].join("\n");
}

/** On paper of its own, because a page may be dark where the system is light. */
const style = `<style>
text { font: 13px system-ui, sans-serif; fill: #4a5560 }
.paper { fill: #fff; stroke: #d5dbe1 } .head { font-size: 16px; font-weight: 600; fill: #17202a }
.grid { stroke: #e6eaee } .middle { text-anchor: middle } .end { text-anchor: end }
.line { fill: none; stroke-width: 2.5 } .name { font-weight: 600 }
.ours { fill: #0a6c4a; stroke: #0a6c4a } .msal { fill: #b3261e; stroke: #b3261e } .identity { fill: #2457c5; stroke: #2457c5 }
g text { stroke: none } .ours .name { fill: #0a6c4a } .msal .name { fill: #b3261e } .identity .name { fill: #2457c5 }
@media (prefers-color-scheme: dark) {
text { fill: #b4bec9 } .paper { fill: #14191f; stroke: #303841 } .head { fill: #f0f3f6 } .grid { stroke: #2a3139 }
.ours { fill: #4fd6a1; stroke: #4fd6a1 } .msal { fill: #ff8a80; stroke: #ff8a80 } .identity { fill: #8ab4ff; stroke: #8ab4ff }
.ours .name { fill: #4fd6a1 } .msal .name { fill: #ff8a80 } .identity .name { fill: #8ab4ff }
}
</style>`;

interface Point {
  readonly users: number;
  readonly value: number;
}

function spoken({ users, value }: Point): string {
  return `${shown(value)} ms at ${withSpaces(users)}`;
}

function stops(points: readonly Point[]): string {
  const most = points.at(-1)?.users ?? 0;
  return most === Math.max(...sizes) ? "" : "; more could not be measured";
}

function log(value: number): number {
  return Math.log10(value);
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
