import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { growthChart } from "../../bench/chart.js";
import { blocksOf, documents, withBlocks } from "../../bench/documents.js";
import { readResults, resultsFile, type Results } from "../../bench/results.js";
import { cachedTokenRow, sizes, withSpaces } from "../../bench/rows.js";
import { subjects } from "../../bench/subjects.js";

const root = new URL("../../", import.meta.url);
const results = await readResults("results.json");
const node24 = await readResults("results-node24.json");

/** The results as if one row had been measured otherwise. */
function changed(what: string, ours: number): Results {
  return { ...results, row: (name) => ({ ...results.row(name), ...(name === what ? { ours } : {}) }) };
}

describe("the documentation's figures", () => {
  it("are those of bench/results.json: run `npm run bench -- --write`, or with `--documents`", async () => {
    const made = await documents();
    expect([...made.keys()]).toEqual(["docs/growth.svg", "README.md", "docs/guides/scaling.md"]);
    for (const [path, text] of made)
      expect({ path, text: await readFile(new URL(path, root), "utf8") }).toEqual({ path, text });
  });

  it("stand in the README and the guide, all of them", async () => {
    const pages = await Promise.all(
      ["README.md", "docs/guides/scaling.md"].map((path) => readFile(new URL(path, root), "utf8")),
    );
    for (const name of Object.keys(blocksOf(results, node24)))
      expect(pages.join("\n")).toContain(`<!-- bench:${name} -->`);
    expect(pages[0]).toContain("(docs/growth.svg)");
  });

  it("show a comparison under each condition that was measured, not under the best one only", () => {
    const { summary = "" } = blocksOf(results, node24);
    for (const conditions of [
      [
        "cold exchange outside the network p50, secret",
        "cold exchange outside the network p50, secret, 10 000 users cached",
      ],
      ["cold exchange outside the network p50, certificate"],
      [
        "Express middleware, whole request p50, first time",
        "Express middleware, whole request p50, again (remembered)",
      ],
      ["verify a user token, first time, p50", "verify a user token, again (remembered), p50"],
    ])
      for (const what of conditions) {
        // Told by its figure: a row that is not there changes nothing when it was measured otherwise.
        expect([what, blocksOf(changed(what, 123_456), node24)["summary"] === summary]).toEqual([
          what,
          false,
        ]);
      }
  });

  it("change with what was measured", () => {
    const before = blocksOf(results, node24);
    const after = blocksOf(changed("memory per cached user", 2.345), node24);
    for (const name of ["summary", "costs", "memory", "million"]) expect(after[name]).not.toBe(before[name]);
    expect(after["memory"]).toContain("| up to 10 000 | nothing | up to 23 MB |");
    expect(after["million"]).toContain("235 MB each");
  });

  it("name no block that is not made, and no row that was not measured", () => {
    const text = "before\n<!-- bench:a -->\nold\n<!-- /bench -->\nafter";
    expect(withBlocks(text, { a: "new" })).toBe("before\n<!-- bench:a -->\nnew\n<!-- /bench -->\nafter");
    expect(() => withBlocks(text, {})).toThrow('"a"');
    expect(() => results.row("how fast light is")).toThrow("measure again");
  });
});

describe("the chart of the growth", () => {
  it("has a point for each number of users and everybody who was measured with it, and says all in words", () => {
    const svg = growthChart(results);
    const most = results.row(cachedTokenRow(100_000));
    expect(svg.match(/<circle /g)).toHaveLength(sizes.length);
    const ofMsal = sizes.filter((users) => results.row(cachedTokenRow(users)).msalNode !== undefined);
    expect(svg.match(/<path d="M[\d.]+ [\d.]+h12/g)).toHaveLength(ofMsal.length);
    expect(svg).toContain('role="img" aria-labelledby="title desc"');
    expect(svg).toContain(`${most.ours.toPrecision(3)} ms at 100 000`);
    expect(svg).toContain("prefers-color-scheme: dark");
  });

  it("draws a slower call higher", () => {
    const heightOf = (svg: string): number => Number(/<circle cx="[\d.]+" cy="([\d.]+)"/.exec(svg)?.[1]);
    const slower = changed(cachedTokenRow(1), results.row(cachedTokenRow(1)).ours * 10);
    expect(heightOf(growthChart(slower))).toBeLessThan(heightOf(growthChart(results)) - 20);
  });
});

describe("the results", () => {
  it("say what the machine can do, but not which it is", async () => {
    for (const file of ["results.json", "results-node24.json"]) {
      const text = await readFile(new URL(`bench/${file}`, root), "utf8");
      expect(Object.keys(JSON.parse(text) as object)).toEqual(["node", "cpu", "cores", "peers", "rows"]);
      expect(text).not.toMatch(/\/(?:home|root|work|tmp|Users)\b|127\.0\.0\.1|localhost/);
    }
  });

  it("are of Node 20, and of Node 24 in a file of their own, with the same rows", () => {
    expect([results.node, node24.node].map((node) => node.split(".")[0])).toEqual(["v20", "v24"]);
    expect([resultsFile("v20.19.0"), resultsFile("v24.1.0")]).toEqual([
      "results.json",
      "results-node24.json",
    ]);
    expect(node24.rows.map(({ what }) => what)).toEqual(results.rows.map(({ what }) => what));
  });

  it("hold a row of every number of users", () => {
    for (const users of sizes) expect(results.row(cachedTokenRow(users)).ours).toBeGreaterThan(0);
    expect(Object.keys(subjects).length).toBeGreaterThan(10);
    expect(withSpaces(1_234_567)).toBe("1 234 567");
  });
});
