import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, it, vi } from "vitest";
import { unsigned } from "../support/token-endpoint.js";
import { environments } from "./environments/environments.js";
import { keptFolder } from "./environments/kept-folder.js";
import { literalTypesOf } from "./literal-types.js";
import { play } from "./play.js";
import { withoutSecrets } from "./secrets.js";

afterEach(() => vi.unstubAllEnvs());

it("what a counterpart says is kept without tokens and links", async () => {
  const token = unsigned({ oid: "ada" });
  const link = "https://login.microsoftonline.com/t/oauth2/v2.0/authorize?client_id=c&state=s";
  const problem = `refused '${token}': open ${link} first`;
  const { checks } = await play(
    {
      name: "talkative",
      timeoutMs: 5_000,
      async run(world) {
        world.checks.add("one", problem);
        throw new Error(problem);
      },
    },
    environments,
  );
  expect(checks.map((check) => check.problem)).toEqual([
    "refused '[left out]': open [left out] first",
    "refused '[left out]': open [left out] first",
  ]);
  expect(withoutSecrets("https://example.com/docs says nothing secret")).toBe(
    "https://example.com/docs says nothing secret",
  );
});

it("a counterpart that hangs has failed, and its processes end with what they have started", async () => {
  const folder = await mkdtemp(join(tmpdir(), "hangs-"));
  const script = `require("node:child_process").spawn("sleep", ["600"]);
    require("node:fs").writeFileSync("pid", String(process.pid)); setInterval(() => {}, 1000);`;
  const { checks } = await play(
    {
      name: "hangs",
      timeoutMs: 1_500,
      run: async ({ children }) =>
        (await children.run({ program: process.execPath, args: ["-e", script], cwd: folder })).output,
    },
    environments,
  );
  expect(checks).toEqual([{ name: "runs to its end", problem: "took longer than 1.5 s" }]);
  const group = Number(await readFile(join(folder, "pid"), "utf8"));
  await vi.waitFor(() => expect(() => process.kill(-group, 0)).toThrow(/ESRCH/), 5_000);
  await rm(folder, { recursive: true });
});

it("a counterpart that looks at nothing has failed", async () => {
  const { checks } = await play({ name: "idle", timeoutMs: 1_000, run: async () => "1.0.0" }, environments);
  expect(checks).toEqual([{ name: "runs to its end", problem: "it looked at nothing" }]);
});

it("an environment is made once for what it is made of, and nothing half made is kept", async () => {
  const cache = await mkdtemp(join(tmpdir(), "foreign-cache-"));
  vi.stubEnv("FOREIGN_CACHE", cache);
  let made = 0;
  const make = async (folder: string): Promise<void> => {
    made += 1;
    await writeFile(join(folder, "whole"), "");
  };
  const breaksOff = async (folder: string): Promise<void> => {
    await make(folder);
    throw new Error("no space left");
  };
  await expect(keptFolder("packages", ["lock 1"], breaksOff)).rejects.toThrow("no space left");
  expect(await readdir(cache)).toEqual([]);
  const [first, second] = [
    await keptFolder("packages", ["lock 1"], make),
    await keptFolder("packages", ["lock 1"], make),
  ];
  expect([first === second, existsSync(join(first, "whole")), made]).toEqual([true, true, 2]);
  expect(await keptFolder("packages", ["lock 2"], make)).not.toBe(first);
  await rm(cache, { recursive: true });
});

it("the names of events are read from a union of a declaration file", () => {
  const declared = `
    export interface Opened { type: "opened" | "reopened"; at: number }
    export interface Closed { type: 'closed' }
    export type AnyEvent = Opened | Closed;`;
  expect(literalTypesOf(declared, "AnyEvent")).toEqual(["opened", "reopened", "closed"]);
  expect(() => literalTypesOf(declared, "OtherEvent")).toThrow("OtherEvent is not declared");
});
