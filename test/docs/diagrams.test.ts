import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { diagrams } from "../../docs/build-diagrams.js";
import { drawSequence, type SequenceDiagram } from "../../docs/diagrams/sequence.js";

const root = new URL("../../", import.meta.url);

it("the diagrams are what their sources draw: run `npm run docs:diagrams`", () => {
  for (const [file, svg] of diagrams()) expect(readFileSync(new URL(file, root), "utf8")).toBe(svg);
});

it("a diagram says all in words, for light and for dark, and keeps its labels within it", () => {
  const diagram: SequenceDiagram<"a" | "b"> = {
    title: "Two",
    description: "A asks B & waits.",
    parties: { a: "A", b: "B" },
    steps: [
      {
        from: "a",
        to: "b",
        says: "a question of which nobody knows yet how long it is going to be <at last>",
      },
      { when: "if it can", steps: [{ from: "b", to: "b", says: "thinks about it for a while" }] },
    ],
  };
  const svg = drawSequence(diagram);
  expect(svg).toContain('<desc id="desc">A asks B &amp; waits.</desc>');
  expect(svg).toContain("prefers-color-scheme: dark");
  expect(svg).toContain("&lt;at last&gt;");
  const width = Number(/viewBox="0 0 (\d+)/.exec(svg)?.[1]);
  const ends = [...svg.matchAll(/<text class="(said[^"]*)" x="([\d.]+)"[^>]*>([^<]*)</g)].map(
    ([, style = "", x = "", text = ""]) => Number(x) + (text.length * 7) / (style.includes("middle") ? 2 : 1),
  );
  expect(ends.length).toBeGreaterThan(2);
  expect(Math.max(...ends)).toBeLessThan(width);
});
