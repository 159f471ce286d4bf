import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { headingIds } from "../../docs/heading-ids.js";
import { sectionsOf, siteContent } from "../../docs/site-content.js";
import { sitePages } from "../../docs/site-pages.js";

const root = new URL("../../", import.meta.url);
const files = sectionsOf().flatMap((section) => section.files);

it("every page of the docs, each example and each decision is in the site's navigation, once", () => {
  expect(files).toEqual([...new Set(files)]);
  expect(files).toEqual(
    expect.arrayContaining([
      "README.md",
      "docs/guides/quick-start.md",
      "docs/security.md",
      "examples/backend/README.md",
      "docs/decisions/0001-msal-for-the-wire-only.md",
    ]),
  );
  const [first, ...others] = Object.entries(sitePages);
  const [, [forgotten = "", ...kept] = []] = first ?? [];
  expect(() => sectionsOf({ "Start here": kept, ...Object.fromEntries(others) })).toThrow(
    `${forgotten} is in no section of docs/site-pages.ts`,
  );
  expect(() => sectionsOf({ ...sitePages, Project: ["docs/guides/gone.md"] })).toThrow(
    "docs/guides/gone.md is in a section of docs/site-pages.ts, and does not exist",
  );
});

it("links between pages, to files and to headings lead somewhere, in the repository and on the site", () => {
  const { pages, images, navigation } = siteContent();
  expect(pages.get("guides/on-behalf-of.md")).toContain("](../overview.md#quick-start)");
  expect(pages.get("overview.md")).toContain("](./guides/which-way.md#on-your-own-machine)");
  expect(pages.get("examples/foundry-agent.md")).toContain("](../source/examples/foundry-agent/main-ts.md)");
  expect(pages.get("source/examples/foundry-agent/main-ts.md")).toContain("# examples/foundry-agent/main.ts");
  expect(pages.get("overview.md")).toContain("](./growth.svg)");
  expect(images.get("growth.svg")).toBe("docs/growth.svg");
  expect([...pages.values()].join("\n")).not.toMatch(/^<!--/m);
  expect(navigation.at(0)?.items.at(0)).toEqual({ text: "Overview", link: "/overview" });
  const linked = navigation.flatMap(({ items }) => items.map(({ link }) => `${link.slice(1)}.md`));
  expect([...pages.keys()]).toEqual(expect.arrayContaining(linked));
});

it("headings have the ids that GitHub gives them", () => {
  const page =
    "# What Entra's codes mean\n\n## `require()` & co.\n\n```sh\n# no heading\n```\n\n## Limits\n## Limits\n";
  expect([...headingIds(page)]).toEqual(["what-entras-codes-mean", "require--co", "limits", "limits-1"]);
});

it("no page has a diagram as its source, and every picture says in words what it shows", () => {
  for (const file of [...files, "docs/site/home.md"]) {
    const text = readFileSync(new URL(file, root), "utf8");
    const pictures = Array.from(text.matchAll(/!\[([^\]]*)\]\(/g), ([, alt = ""]) => alt);
    const isRaw = /^[ \t]*```(?:mermaid|plantuml|dot)/m.test(text);
    expect({ file, isRaw, silent: pictures.filter((alt) => alt.length < 20) }).toEqual({
      file,
      isRaw: false,
      silent: [],
    });
  }
});
