import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runLive } from "../live/run.js";
import type { WorldValue } from "../live/refusals.js";
import { variableOf } from "../live/tenant-world.js";
import { emulatedWorld, type EmulatedWorld } from "./emulated-world.js";

let world: EmulatedWorld;
let env: Record<string, string>;

beforeAll(async () => {
  world = await emulatedWorld();
  const given: WorldValue[] = [
    "tenant",
    "client_id",
    "client_secret",
    "scope",
    "user_token",
    "user_token_mfa",
  ];
  env = { LIVE_ORIGIN: world.origin };
  for (const name of given) env[variableOf(name)] = (await world.value(name)) ?? "";
});
afterAll(() => world.close());

async function run(variables: Record<string, string>): Promise<{ exit: number; output: string }> {
  const lines: string[] = [];
  const exit = await runLive(variables, (line) => lines.push(line));
  return { exit, output: lines.join("\n") };
}

describe("npm run live", () => {
  test("says what it needs, and exits 2", async () => {
    const { exit, output } = await run({ LIVE_TENANT: "x" });
    expect(exit).toBe(2);
    expect(output).toContain("Missing: LIVE_CLIENT_ID, LIVE_CLIENT_SECRET, LIVE_SCOPE");
  });

  test("compares what it can, names what it lacks, and prints nothing of a token", async () => {
    const { exit, output } = await run(env);
    expect(output.split("\n").filter((line) => line.startsWith("differs"))).toEqual([]);
    expect(exit).toBe(0);
    expect(output).toContain("same       the assertion was tampered with (B)");
    expect(output).toContain("same       a second factor is needed (A)");
    expect(output).toMatch(/not tried {2}the assertion has expired \(B\)\n +set LIVE_USER_TOKEN_EXPIRED/);
    expect(output).toMatch(/how long does the token live\?\n +\{"status":200,.*"expires_in":3599/);
    expect(output.includes("eyJ")).toBe(false);
    expect(output.includes("agent-secret")).toBe(false);
  });

  test("exits 1 and says what differs", async () => {
    const policy = world.entra.policies.add({ type: "transient", user: "Ada" });
    const { exit, output } = await run(env);
    world.entra.policies.remove(policy);
    expect(exit).toBe(1);
    expect(output).toMatch(/differs {4}an authentication context .*\n.*status: expected 400, got 503/);
  });
});
