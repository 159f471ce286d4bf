import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCatalog } from "../../docs/build-errors.js";

it("the error catalog on the page is the one the code throws (npm run docs:errors)", () => {
  expect(readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8")).toBe(errorCatalog());
});
