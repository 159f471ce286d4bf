import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { drawnFrom, drawnPages } from "../../docs/build-screenshots.js";

const root = new URL("../../docs/", import.meta.url);

it("the screenshots are of the pages as they are: run `npm run docs:screenshots`", () => {
  const from: unknown = JSON.parse(readFileSync(new URL("screenshots/drawn-from.json", root), "utf8"));
  const now = Object.fromEntries([...drawnPages()].map(([name, html]) => [name, drawnFrom(html)]));
  expect(from).toEqual(now);
});

it("each screenshot is shown, and has words for those who cannot see it", () => {
  const guide = readFileSync(new URL("sign-in-pages.md", root), "utf8");
  const shown = [...guide.matchAll(/!\[[^\]]{20,}\]\(screenshots\/([\w-]+)\.png\)/g)].map(([, name]) => name);
  const there = readdirSync(new URL("screenshots", root)).filter((file) => file.endsWith(".png"));
  expect(shown.map((name) => `${name}.png`).sort()).toEqual(there.sort());
  expect([...drawnPages().keys()].sort()).toEqual(shown.sort());
});
