import { describe, expect, test } from "vitest";
import { readSwitches } from "../../examples/chat/switches.js";
import { demo } from "../support/demo.js";

describe("the switches of the demo", () => {
  for (const [args, says] of [
    [["--no-user-token"], "go with --once"],
    [["--once", "--redis"], "go with --once --no-user-token"],
    [["--once", "--cluster"], "go with --once --no-user-token"],
    [["--once", "--no-user-token", "--redis", "--cluster"], "take one of them"],
    [["--remote"], "go with --once --no-user-token"],
    [["--once", "--no-user-token", "--redis", "--remote"], "take one of them"],
    [["--once", "--no-user-token", "--break=swap-users"], "take no --port, and no --break"],
    [["--once", "--port=http"], "a number from 0 to 65535"],
    [["--toolbox"], "go with --once"],
    [["--agent-identity", "--port=3001"], "go with --once"],
    [["--once", "--toolbox", "--agent-identity"], "take one of them"],
    [["--once", "--toolbox", "--no-user-token"], "take one of them"],
    [["--once", "--toolbox", "--redis"], "go with --once --no-user-token"],
    [["--once", "--agent-identity", "--break=swap-users"], "take no --port, and no --break"],
    [["--once", "--toolbox", "--port=3001"], "take no --port, and no --break"],
    [["--elicitation"], "go with --once"],
    [["--two-hops"], "go with --once"],
    [["--once", "--two-hops", "--break=link-on-the-card"], "--two-hops shared-second-hop"],
    [["--once", "--elicitation", "--break=swap-users"], "no --break but --elicitation link-on-the-card"],
    [["--once", "--elicitation", "--break=constructor"], "no --break but --elicitation link-on-the-card"],
    [["--elicitation", "--break=link-on-the-card"], "--break goes with --once"],
    [["--once", "--break=link-on-the-card"], "takes one of: shared-token"],
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

  test("break the story of a page that a server asks for with a break of its own", () => {
    const broken = "link-on-the-card";
    expect(readSwitches(["--once", "--elicitation"])).toEqual({ status: "elicitation" });
    expect(readSwitches([`--break=${broken}`, "--elicitation", "--once"])).toEqual({
      status: "elicitation",
      broken,
    });
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
