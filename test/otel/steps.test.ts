import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AroundStep, IdentityStep, OnEvent, StepEnd } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { tracedFetch } from "../../src/access/fetch.js";
import { tracedAcquirer } from "../../src/tokens/traced-acquirer.js";
import { world, type World } from "./world.js";

let site: World;
beforeEach(async () => {
  site = await world();
});
afterEach(() => site.close());

const listener = (around: AroundStep): OnEvent => Object.assign(() => undefined, { around });
const boom = (..._after: unknown[]): never => {
  throw new Error("the listener is broken");
};

describe("a listener that", () => {
  it.each<[string, OnEvent]>([
    ["throws for events", boom],
    ["rejects for events", async () => boom()],
    ["throws before a step", listener(boom)],
    ["throws when it has begun the step", listener((_step, run) => boom(run()))],
    ["rejects", listener(async (_step, run) => boom(await run()))],
    ["never takes the step", listener(() => undefined)],
    ["takes it much later", listener((_step, run) => void setTimeout(() => void run(), 20))],
    ["takes it twice", listener((_step, run) => void Promise.all([run(), run()]))],
    ["waits for ever", listener(() => new Promise(() => undefined))],
    ["is given to openTelemetry() and throws", openTelemetry({ onEvent: boom })],
  ])("%s breaks no call, and each is made once", async (_what, onEvent) => {
    const agent = site.agent(onEvent);
    const status = await agent.turn("Ada", async () => (await agent.plain.fetch(agent.plain.url)).status);
    expect(status).toBe(200);
    expect(site.seen).toHaveLength(1);
    const posts = site.entra.requests.filter(({ path }) => path.endsWith("/token"));
    expect(posts).toHaveLength(1);
    await agent.turn("Bob", async () => {
      await expect(agent.plain.fetch(agent.plain.url)).rejects.toMatchObject({ code: "consent_required" });
    });
    await agent.close();
  });

  it("has steps but no SDK sees what is taken and how it ends, and never a token or an answer", async () => {
    const steps: [IdentityStep, StepEnd][] = [];
    const agent = site.agent(listener(async (step, run) => void steps.push([step, await run()])));
    await agent.turn("Ada", async () => void (await agent.plain.fetch(agent.plain.url)));
    expect(steps.map(([{ step }, { outcome }]) => [step, outcome])).toEqual([
      ["verify", "ok"],
      ["acquire", "ok"],
      ["mcp_request", "ok"],
    ]);
    expect(Object.keys(steps[1]?.[1] ?? {}).sort()).toEqual(["cache", "durationMs", "outcome", "source"]);
    expect(Object.keys(steps[2]?.[1] ?? {}).sort()).toEqual(["durationMs", "outcome", "status"]);
    await agent.close();
  });
});

it.each<[string, () => boolean, number]>([
  ["is idle hears of no step", () => true, 0],
  ["is not idle hears of each", () => false, 3],
  ["cannot say so hears of each", boom, 3],
])("a listener that %s", async (_what, isIdle, expected) => {
  const steps: string[] = [];
  const around: AroundStep = async ({ step }, run) => void steps.push(step, (await run()).outcome);
  const agent = site.agent(Object.assign(() => undefined, { around, isIdle }));
  const status = await agent.turn("Ada", async () => (await agent.plain.fetch(agent.plain.url)).status);
  expect([status, steps.filter((one) => one === "ok").length]).toEqual([200, expected]);
  await agent.close();
});

it("without a listener for steps nothing is put around a call: what fetch sends comes back as the same promise", () => {
  const answer = Promise.resolve(new Response());
  const resource = site.agent(undefined).plain.resource;
  const { serverLabel } = resource;
  for (const onEvent of [undefined, () => undefined]) {
    const fetch = tracedFetch(() => answer, { resource, onEvent, context: undefined });
    expect(fetch(resource.url)).toBe(answer);
    const tokens = { cachedToken: () => undefined, acquire: async () => boom() };
    expect(tracedAcquirer(tokens, { serverLabel, onEvent, sources: [] })).toBe(tokens);
  }
});
