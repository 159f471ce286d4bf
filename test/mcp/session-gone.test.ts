import { expect, it } from "vitest";
import { isSessionGone } from "../../src/mcp/session-gone.js";

it("an error whose cause cannot be read says nothing about a session", () => {
  const error = Object.defineProperty(new Error("outer"), "cause", {
    get() {
      throw new RangeError("not now");
    },
  });
  expect(isSessionGone(error, {})).toBe(false);
});
