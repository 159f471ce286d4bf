import { afterEach, describe, expect, it, vi } from "vitest";
import type { DrainingAgent } from "./draining-agent.js";
import { startExample, type ExampleProcess } from "../support/example-process.js";

let agent: ExampleProcess | undefined;
afterEach(async () => {
  await agent?.kill();
  agent = undefined;
});

async function start(drainMs: number): Promise<string> {
  const settings: DrainingAgent = { DRAIN_MS: String(drainMs) };
  agent = await startExample("test/turn/draining-agent.ts", { ...settings });
  return `http://127.0.0.1:${/ready on (\d+)/.exec(agent.output())?.[1] ?? expect.fail(agent.output())}`;
}

function post(url: string, stream: boolean): Promise<Response> {
  return fetch(`${url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream }),
  });
}

/** Sends SIGTERM and waits until the agent has taken it. */
async function terminate(url: string): Promise<void> {
  agent?.child.kill("SIGTERM");
  await vi.waitFor(async () => expect((await fetch(`${url}/readiness`)).status).toBe(503), 5_000);
}

describe("an agent that is told to stop", () => {
  it("takes no new turns, lets the running ones finish, and ends with 0", async () => {
    const url = await start(60_000);
    const running = await post(url, true);
    await terminate(url);
    const refused = await post(url, false);
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("5");
    await refused.text();
    await (await fetch(`${url}/finish`)).text();
    const text = await running.text();
    expect(text).toContain('"first, second"');
    expect(text.trimEnd().split("\n\n").at(-1)).toMatch(/^event: response\.completed\n/);
    expect(await agent?.ended).toBe(0);
  });

  it("cancels a turn that takes too long, tells its client, and ends with 0", async () => {
    const url = await start(500);
    const running = await post(url, true);
    agent?.child.kill("SIGTERM");
    const last = (await running.text()).trimEnd().split("\n\n").at(-1);
    expect(last).toMatch(/^event: response\.failed\n.*"code":"turn_cancelled"/);
    expect(await agent?.ended).toBe(0);
  });
});
