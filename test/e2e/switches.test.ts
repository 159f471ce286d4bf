import { describe, expect, test } from "vitest";
import { readSwitches } from "../../examples/chat/switches.js";
import { demo } from "../support/demo.js";

describe("the switches of the demo", () => {
  for (const [args, says] of [
    [["--no-user-token"], "go with --once"],
    [["--once", "--redis"], "go with --once --no-user-token"],
    [["--remote"], "go with --once --no-user-token"],
    [["--once", "--no-user-token", "--redis", "--remote"], "take one of them"],
    [["--once", "--no-user-token", "--break=swap-users"], "take neither --break nor --port"],
    [["--once", "--port=http"], "a number from 0 to 65535"],
    [["--toolbox"], "go with --once"],
    [["--agent-identity", "--port=3001"], "go with --once"],
    [["--once", "--toolbox", "--agent-identity"], "take one of them"],
    [["--once", "--toolbox", "--no-user-token"], "take one of them"],
    [["--once", "--toolbox", "--redis"], "go with --once --no-user-token"],
    [["--once", "--agent-identity", "--break=swap-users"], "take neither --break nor --port"],
    [["--once", "--toolbox", "--port=3001"], "take neither --break nor --port"],
    [["--once", "--toolbox=contacts"], "The switches are: "],
    [["--onec"], "The switches are: "],
    [["once"], "The switches are: "],
  ] as const) {
    test(`are refused when they make no sense: ${args.join(" ")}`, () => {
      expect(readSwitches(args)).toEqual({ status: "wrong", problem: expect.stringContaining(says) });
    });
  }

  test("may come in any order", () => {
    const expected = { status: "no-user-token", shape: "remote" };
    expect(readSwitches(["--once", "--no-user-token", "--remote"])).toEqual(expected);
    expect(readSwitches(["--remote", "--no-user-token", "--once"])).toEqual(expected);
    for (const status of ["toolbox", "agent-identity"] as const) {
      expect(readSwitches([`--${status}`, "--once"])).toEqual({ status });
      expect(readSwitches(["--once", `--${status}`])).toEqual({ status });
    }
  });

  test("end the demo with one line and exit code 2 when they are refused", async () => {
    for (const args of [
      ["--no-user-token", "--redis", "--remote"],
      ["--toolbox", "--agent-identity"],
    ]) {
      const { code, output } = await demo(["--once", ...args]);
      expect(output.trim().split("\n")).toEqual([expect.stringContaining("take one of them")]);
      expect(code).toBe(2);
    }
  }, 60_000);
});
