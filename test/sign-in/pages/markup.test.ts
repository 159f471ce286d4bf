import { expect, it } from "vitest";
import { gallery } from "../support/gallery.js";
import { languagesOf } from "../../../src/sign-in/texts/languages.js";
import { lookOf } from "../../../src/sign-in/pages/layout.js";

const { render } = lookOf("https://login.microsoftonline.com");
const pages = [...gallery()].flatMap(([name, page]) =>
  languagesOf().map((language) => [name, render(page, language)] as const),
);

it("the code is one piece of text in one element, for programs that read it", () => {
  const elements = pages.flatMap(([, html]) => [...html.matchAll(/<output\b[^>]*>([^<]*)<\/output>/g)]);
  expect(elements.length).toBeGreaterThanOrEqual(languagesOf().length);
  for (const [, code] of elements) expect(code).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
});

it("no end tag is broken over lines", () => {
  expect(pages.length).toBeGreaterThan(20);
  expect(pages.filter(([, html]) => /<\/\w+\s+>/.test(html)).map(([name]) => name)).toEqual([]);
});
