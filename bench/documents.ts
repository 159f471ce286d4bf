import { readFile, writeFile } from "node:fs/promises";
import { growthChart } from "./chart.js";
import { readResults, type Results } from "./results.js";
import { cachedTokenRow, sizes } from "./rows.js";
import { peerNames, peers, ratio, shown, shownTimes, type Row } from "./table.js";

const root = new URL("..", import.meta.url);
const pages = ["README.md", "docs/guides/scaling.md"];
const chart = "docs/growth.svg";

/** What the documentation has of the measurements, by path: made from the results and from nothing else. */
export async function documents(): Promise<ReadonlyMap<string, string>> {
  const results = await readResults("results.json");
  const blocks = blocksOf(results, await readResults("results-node24.json"));
  const texts = new Map([[chart, growthChart(results)]]);
  for (const page of pages) texts.set(page, withBlocks(await readFile(new URL(page, root), "utf8"), blocks));
  return texts;
}

export async function writeDocuments(): Promise<void> {
  for (const [path, text] of await documents()) await writeFile(new URL(path, root), text);
}

/** The text with what stands between `<!-- bench:name -->` and `<!-- /bench -->` made anew. */
export function withBlocks(text: string, blocks: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /(<!-- bench:(\S+) -->\n)[\s\S]*?(<!-- \/bench -->)/g,
    (_all, start: string, name: string, end: string) => {
      const block = blocks[name];
      if (block === undefined) throw new Error(`there are no figures called ${JSON.stringify(name)}`);
      return `${start}${block}\n${end}`;
    },
  );
}

/** Every block of figures, by its name. */
export function blocksOf(results: Results, node24: Results): Readonly<Record<string, string>> {
  return {
    price: price(results),
    summary: summary(results),
    costs: costs(results),
    memory: memory(results),
    million: million(results),
    "node-24": versions(results, node24),
  };
}

function price(results: Results): string {
  const value = (what: string): string => measure(results.row(what));
  return markdown(
    ["", "cost"],
    [
      ["importing the package", value('import "hosted-agent-identity"')],
      [
        "first call of a user, besides the request to Entra",
        value("cold exchange outside the network p50, secret"),
      ],
      ["every further call, 10 000 users in the cache", value(cachedTokenRow(10_000))],
      ["memory for each user whose token is cached", value("memory per cached user")],
    ],
  );
}

function summary(results: Results): string {
  const line = (text: string, what: string): string[] => {
    const row = results.row(what);
    return [text, `<= ${within(row)}`, measure(row), besides(row)];
  };
  const { node, cores } = results;
  const named = Object.entries(results.peers).map(([name, version]) => `${name} ${version}`);
  return [
    markdown(
      ["", "budget", "measured", "beside it"],
      [
        line("a call whose token is cached, 1 user", cachedTokenRow(1)),
        line("the same, 10 000 users in the cache", cachedTokenRow(10_000)),
        line("the same, 100 000 users in the cache", cachedTokenRow(100_000)),
        line("memory that such a call allocates", "memory allocated by a call whose token is cached"),
        line("memory for each cached user", "memory per cached user"),
        line("1 000 first calls of one user at once: exchanges", "1 000 concurrent first calls of one user"),
        line(
          "first call of a user, network excluded, client secret, nobody in the cache",
          "cold exchange outside the network p50, secret",
        ),
        line(
          "the same, 10 000 users in the cache",
          "cold exchange outside the network p50, secret, 10 000 users cached",
        ),
        line(
          "the same with a certificate, nobody in the cache",
          "cold exchange outside the network p50, certificate",
        ),
        line(
          "one user gets a 429 with `Retry-After`: other users refused",
          "one user's 429 with Retry-After: others refused",
        ),
        line(
          "exchanges of a second replica for a user of the first, shared store",
          "second replica, users of the first, shared store: exchanges for each",
        ),
        line("verifying a user token that is new", "verify a user token, first time, p50"),
        line(
          "verifying it again (remembered; jose checks the signature each time)",
          "verify a user token, again (remembered), p50",
        ),
        line(
          "Express request behind the middleware, new token",
          "Express middleware, whole request p50, first time",
        ),
        line(
          "Express request behind the middleware, remembered token",
          "Express middleware, whole request p50, again (remembered)",
        ),
        line("`import` of the package", 'import "hosted-agent-identity"'),
        line("new process: import and first token", "cold start: import and first token of a new process"),
      ],
    ),
    "",
    `Medians of one run, Node ${node.replace(/^v/, "")}, ${cores} cores, everything on loopback, beside ${named.join(", ")}.`,
  ].join("\n");
}

function costs(results: Results): string {
  const value = (what: string): string => measure(results.row(what));
  const cached = sizes.map((users) => results.row(cachedTokenRow(users)).ours);
  const [least, most] = [Math.min(...cached), Math.max(...cached)];
  const replica = results.row("second replica, first call of a user p50, Redis on loopback");
  const exchanges = results.row("second replica, users of the first, shared store: exchanges for each");
  return markdown(
    ["", "figure", "row"],
    [
      [
        "a call whose token is cached, 1 to 100 000 users",
        `${shown(least)} to ${shown(most)} ms`,
        "cached token p50",
      ],
      ["memory for each cached user", value("memory per cached user"), "memory per cached user"],
      [
        "verifying a user token, the first time and again",
        `${value("verify a user token, first time, p50")}, ${value("verify a user token, again (remembered), p50")}`,
        "verify a user token",
      ],
      [
        "an exchange, without the network, with a secret and with a certificate",
        `${value("cold exchange outside the network p50, secret")}, ${value("cold exchange outside the network p50, certificate")}`,
        "cold exchange",
      ],
      [
        "a thousand first calls of one user at once, in one process",
        `${shown(results.row("1 000 concurrent first calls of one user").ours)} exchange`,
        "concurrent first calls",
      ],
      [
        "first call of a user at a second replica, with a shared store",
        `${shown(exchanges.ours)} exchanges, ${measure(replica)} (${besides(replica)}; both exchange again, at an endpoint that answers at once)`,
        "second replica",
      ],
      [
        "a shared token in Redis, its own structures included",
        value("shared token in Redis, its own structures included"),
        "shared token in Redis",
      ],
      [
        "a store that hangs: added to the one call that finds out",
        value("added to the call that finds the store hanging (timeout 250 ms)"),
        "store hanging",
      ],
      [
        "loading the package, and up to the first token",
        `${value('import "hosted-agent-identity"')}, ${value("cold start: import and first token of a new process")}`,
        "import, cold start",
      ],
    ],
  );
}

function memory(results: Results): string {
  const each = results.row("memory per cached user").ours;
  const megabytes = (users: number): string => `${Math.round((each * users) / 1000)} MB`;
  return markdown(
    ["users active within an hour", "set", `memory, *computed* from ${shown(each)} kB each`],
    [
      ["up to 10 000", "nothing", `up to ${megabytes(10_000)}`],
      ["up to 40 000", "`cache: { maxEntries: 40_000 }`", megabytes(40_000)],
      ["100 000", "`cache: { maxEntries: 100_000, maxBytes: 192 * 1024 * 1024 }`", megabytes(100_000)],
    ],
  );
}

function million(results: Results): string {
  const each = results.row("memory per cached user").ours;
  const exchange = results.row("cold exchange outside the network p50, secret").ours;
  const inRedis = results.row("shared token in Redis, its own structures included").ours;
  const perSecond = 1_000_000 / 3600;
  return markdown(
    ["", ""],
    [
      ["exchanges", `${Math.round(perSecond)} a second, over all replicas`],
      [
        "processor time for them",
        `${((perSecond * exchange) / 1000).toFixed(2)} of one core (${shown(exchange)} ms each)`,
      ],
      [
        "memory, when a user always reaches the same one of 10 replicas",
        `${Math.round(each * 100)} MB each: \`maxEntries: 100_000\`, \`maxBytes\` 192 MiB`,
      ],
      [
        "memory, when any user reaches any replica",
        "as much as you give: tokens that are not in it are read from the store",
      ],
      ["Redis memory", `${inRedis.toFixed(1)} GB; give it a fifth more, and \`allkeys-lru\``],
      [
        "Redis commands for first calls at one replica each",
        `${Math.round(perSecond)} reads and ${Math.round(perSecond)} writes a second`,
      ],
      [
        "each additional replica that a user reaches in that hour",
        "1 read and no exchange; without the store 1 exchange",
      ],
    ],
  );
}

function versions(results: Results, node24: Results): string {
  const names = [
    cachedTokenRow(1),
    cachedTokenRow(100_000),
    "memory allocated by a call whose token is cached",
    "memory per cached user",
    "cold exchange outside the network p50, secret",
    "verify a user token, first time, p50",
    "Express middleware, whole request p50, again (remembered)",
    'import "hosted-agent-identity"',
    "cold start: import and first token of a new process",
  ];
  return markdown(
    ["", ...[results, node24].map(({ node }) => `Node ${node.replace(/^v/, "")}`)],
    names.map((name) => [name, measure(results.row(name)), measure(node24.row(name))]),
  );
}

function markdown(heads: readonly string[], lines: readonly (readonly string[])[]): string {
  return [heads, heads.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function measure({ ours, unit }: Row): string {
  return withUnit(ours, unit);
}

function within({ budget, unit }: Row): string {
  return `${budget} ${budget === 1 ? unit.replace(/^POSTs$/, "POST") : unit}`;
}

function withUnit(value: number, unit: string): string {
  return `${shown(value)} ${value === 1 ? unit.replace(/^POSTs$/, "POST") : unit}`;
}

/** What the peers need for the same, and how many times more that is. */
function besides(row: Row): string {
  const said = peers.flatMap((peer) => {
    const value = row[peer];
    if (value === undefined) return [];
    const times = ratio(value, row.ours);
    return [
      `${peerNames[peer]} ${withUnit(value, row.unit)}${times === undefined ? "" : ` (${shownTimes(times)})`}`,
    ];
  });
  return said.join(", ");
}
