import { describe, expect, test } from "vitest";
import { startSetting } from "../../examples/chat/no-user-token/setting.js";
import { shapes } from "../../examples/chat/no-user-token/shapes.js";
import { newerNode } from "../node24/newer-node.js";
import { demo } from "../support/demo.js";

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

const own = async (): Promise<string> => process.execPath;
const ways = [
  { what: "with the agent and the pages in one process", args: [], shows: always, node: own },
  { what: "in one process, with the grants in a file", args: [], shows: always, node: newerNode },
  {
    what: "with the pages in a process of their own, on Redis",
    args: ["--redis"],
    shows: withRedis,
    node: own,
  },
  {
    what: "with the pages in a process of their own, on a Redis Cluster",
    args: ["--cluster"],
    shows: withRedis,
    node: own,
  },
  {
    what: "with a sign-in service that alone keeps the grants",
    args: ["--remote"],
    shows: withRedis,
    node: own,
  },
] as const;

describe("the demo of a person whose requests bring no token", { timeout: 120_000 }, () => {
  for (const { what, args, shows, node } of ways) {
    test(`answers that person ${what}, once signed in, also after every process was killed`, async () => {
      const { code, output } = await demo(["--no-user-token", ...args, "--once"], {}, await node());
      // What keeps the grants is said where it is not what the shape names.
      const inRedis =
        node === own && process.getBuiltinModule("node:sqlite") === undefined && args.length === 0;
      expect(output.includes("has no SQLite")).toBe(inRedis);
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
