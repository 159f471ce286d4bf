import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { entraCodes, errorCatalog } from "../../docs/build-errors.js";

it("the error catalog on the page is the one the code throws (npm run docs:errors)", () => {
  expect(readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8")).toBe(errorCatalog());
});

it("the page of Entra's codes is the table that refusals are read by (npm run docs:errors)", () => {
  expect(readFileSync(new URL("../../docs/entra-codes.md", import.meta.url), "utf8")).toBe(entraCodes());
});
