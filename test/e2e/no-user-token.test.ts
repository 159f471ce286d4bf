import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { startSetting } from "../../examples/chat/no-user-token/setting.js";
import { shapes } from "../../examples/chat/no-user-token/shapes.js";
import { readSwitches } from "../../examples/chat/switches.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What each way to run it has to show, in the words of the demo. */
const always = [
  "the call is refused with a consent item",
  "somebody else gets nothing for the code",
  "the chat names the account, and asks whether it is theirs",
  "nothing is connected before the yes",
  "the first question is answered without asking it again",
  "somebody else is asked to sign in",
  "nobody signs in again after all processes were killed",
  "the MCP server never saw anybody but Katherine Johnson",
];
const withRedis = [...always, "nobody signs in again after Redis was killed as well"];

const ways = [
  { what: "with the agent and the pages in one process", args: [], shows: always },
  { what: "with the pages in a process of their own, on Redis", args: ["--redis"], shows: withRedis },
  { what: "with a sign-in service that alone keeps the grants", args: ["--remote"], shows: withRedis },
] as const;

describe("the demo of a person whose requests bring no token", { timeout: 120_000 }, () => {
  for (const { what, args, shows } of ways) {
    test(`answers that person ${what}, once signed in, also after every process was killed`, async () => {
      const { code, output } = await demo(["--no-user-token", ...args, "--once"]);
      expect(output).not.toContain("FAILED");
      for (const line of shows) expect(output).toContain(`ok     ${line}`);
      expect(output).toMatch(/somebody else, same code\] is told: "[^"]*not waiting for one/);
      expect(output).toMatch(/\[MCP server\] tools\/call whoami: oid [0-9a-f-]{36} \(Katherine Johnson\)/);
      expect(code).toBe(0);
    });
  }

  test("says FAILED and exits 1 when a process does not start", async () => {
    const { code, output } = await demo(["--once", "--no-user-token", "--redis"], {
      REDIS_SERVER_PATH: process.execPath,
    });
    expect(output).toMatch(/^FAILED to the end: .*redis-server ended/m);
    expect(code).toBe(1);
  });

  test("gives a remote agent neither the client secret nor a key", async () => {
    const setting = await startSetting(shapes.remote);
    try {
      const agent = shapes.remote.processes(setting).find(({ name }) => name === "agent");
      const given = Object.values(agent?.env ?? {});
      for (const secret of [setting.clientSecret, setting.sealingKey, setting.signing.privateKey])
        expect(given.join("\n")).not.toContain(secret);
      expect(given).toContain(setting.publicUrl);
    } finally {
      await setting.close();
    }
  });
});

describe("the switches of the demo", () => {
  for (const [args, says] of [
    [["--no-user-token"], "goes with --once"],
    [["--once", "--redis"], "go with --once --no-user-token"],
    [["--remote"], "go with --once --no-user-token"],
    [["--once", "--no-user-token", "--redis", "--remote"], "take one of them"],
    [["--once", "--no-user-token", "--break=swap-users"], "takes neither --break nor --port"],
    [["--once", "--port=http"], "a number from 0 to 65535"],
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
  });

  test("end the demo with one line and exit code 2 when they are refused", async () => {
    const { code, output } = await demo(["--once", "--no-user-token", "--redis", "--remote"]);
    expect(output.trim().split("\n")).toEqual([expect.stringContaining("take one of them")]);
    expect(code).toBe(2);
  }, 60_000);
});

/** Runs the demo on the sources. Whatever it prints, it prints no token, code, secret or link. */
async function demo(
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<{ code: number; output: string }> {
  const command = ["--import", "tsx", "examples/chat/main.ts", ...args];
  const env = { ...process.env, TSX_TSCONFIG_PATH: `${root}/test/tsconfig.json`, ...more };
  const ran = await new Promise<{ code: number; output: string }>((done) => {
    const child = execFile(process.execPath, command, { cwd: root, env, timeout: 100_000 }, (_, out, err) => {
      done({ code: child.exitCode ?? -1, output: out + err });
    });
  });
  expect(ran.output).not.toMatch(/eyJ[A-Za-z0-9_-]{10,}\./);
  expect(ran.output).not.toMatch(/[?&](t|code|state|client_id|login_hint)=/);
  expect(ran.output).not.toMatch(/\b[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}\b/);
  return ran;
}
