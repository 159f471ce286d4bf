import { afterEach, describe, expect, it } from "vitest";
import { foundryToolbox, type FoundryToolboxOptions, runWithUserContext } from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { callsInFlight, toolCallsOf } from "../../src/context/internals.js";
import { retryPlan } from "../../src/toolbox/network.js";
import { openClient, whoami } from "../support/mcp-clients.js";
import { startToolbox } from "../support/toolbox-server.js";
import { callContext, countingCredential, hostedEnvironment } from "../support/toolbox-users.js";

const closers: (() => Promise<void>)[] = [];
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

/** A toolbox that answers a method with these statuses first, and then as usual. */
async function refusing(
  method: string,
  statuses: readonly number[],
  headers: Record<string, string> = {},
  options: Partial<FoundryToolboxOptions> = {},
) {
  const left = [...statuses];
  const box = await startToolbox({
    intercept({ rpc }, response) {
      const status = rpc === method ? left.shift() : undefined;
      if (status === undefined) return false;
      response.writeHead(status, { "retry-after-ms": "5", ...headers }).end("busy");
      return true;
    },
  });
  const toolbox = foundryToolbox({
    name: "people",
    projectEndpoint: box.projectEndpoint,
    credential: countingCredential(),
    environment: hostedEnvironment,
    random: () => new Uint8Array(1),
    ...options,
  });
  closers.push(box.close, toolbox.close);
  return { box, toolbox };
}

const requestOf = (method: string): RequestInit => ({
  method: "POST",
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method }),
});

describe("a request that the toolbox does not want now", () => {
  it.each([
    ["tools/list", [429], 200, 2],
    ["tools/list", [503, 429], 200, 3],
    ["tools/list", [500], 200, 2],
    ["tools/list", [502, 504], 200, 3],
    ["tools/list", [500, 500, 500], 500, 3],
    ["tools/list", [424], 424, 1],
    ["initialize", [503], 200, 2],
    ["tools/call", [429], 200, 2],
    ["tools/call", [503], 200, 2],
    ["tools/call", [500], 500, 1],
    ["tools/call", [502], 502, 1],
    ["tools/call", [504], 504, 1],
    ["tools/unknown", [500], 500, 1],
  ] as const)("%s, answered %j, ends with %i after %i requests", async (method, statuses, status, sent) => {
    const { box, toolbox } = await refusing(method, statuses);
    const answer = await runWithUserContext(callContext("c1"), () =>
      toolbox.fetch(toolbox.url, requestOf(method)),
    );
    expect([answer.status, box.seen.length]).toEqual([status, sent]);
    await answer.body?.cancel();
  });

  it("counts in its turn by how it ended: one call of the tool, and the trouble that was left", async () => {
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "whoami" } };
    const init = { method: "POST", body: JSON.stringify(call) };
    for (const [statuses, state, troubles] of [
      [[429, 503], "answered", []],
      [[429, 502], "failed", [{ serverLabel: "people", kind: "status", status: 502 }]],
    ] as const) {
      const { toolbox } = await refusing("tools/call", statuses, {}, { serverLabel: "people" });
      const context = callContext("c1");
      const answer = await runWithUserContext(context, () => toolbox.fetch(toolbox.url, init));
      await answer.text();
      await Promise.all(callsInFlight(context));
      expect(toolCallsOf(context)).toEqual([{ serverLabel: "people", name: "whoami", state }]);
      expect([...internalsOf(context).serverTroubles.values()]).toEqual(troubles);
    }
  });

  it("is repeated for real clients, for the same caller", async () => {
    for (const kind of ["v1", "v2-legacy"] as const) {
      const { box, toolbox } = await refusing("tools/call", [429, 503]);
      const client = await runWithUserContext(callContext("opener"), () =>
        openClient(kind, toolbox.url, { fetch: toolbox.fetch }),
      );
      expect((await runWithUserContext(callContext("c2"), () => whoami(client))).caller).toBe("c2");
      const calls = box.forMethod("tools/call").map(({ headers }) => headers["x-agent-foundry-call-id"]);
      expect(calls).toEqual(["c2", "c2", "c2"]);
      await client.close();
    }
  });

  /** The wait is longer than the test may take: whoever sits it out fails. */
  const patient = { maxRetryWaitMs: 120_000 };

  /** Such a request, and whether it has come to its wait: the answer is there, and the wait was worked out. */
  async function waiting() {
    let waits = false;
    const random = (length: number): Uint8Array => {
      waits = true;
      return new Uint8Array(length);
    };
    const options = { ...patient, random };
    return {
      ...(await refusing("tools/list", [429], { "retry-after-ms": "60000" }, options)),
      waits: () => waits,
    };
  }

  it("is not repeated after the turn has ended, nor waited for", async () => {
    const { box, toolbox, waits } = await waiting();
    const context = callContext("c1");
    const refused = runWithUserContext(context, () => toolbox.fetch(toolbox.url, requestOf("tools/list")));
    await until(waits);
    context.end();
    await expect(refused).rejects.toMatchObject({ code: "context_ended" });
    expect(box.seen).toHaveLength(1);
  }, 3_000);

  it("is not waited for once the caller has aborted", async () => {
    const { toolbox, waits } = await waiting();
    const controller = new AbortController();
    const refused = runWithUserContext(callContext("c1"), () =>
      toolbox.fetch(toolbox.url, { ...requestOf("tools/list"), signal: controller.signal }),
    );
    await until(waits);
    controller.abort(new Error("no patience"));
    await expect(refused).rejects.toThrow("no patience");
  }, 3_000);

  it("is not repeated where the developer wants none, or the wait is too long", async () => {
    for (const [headers, options] of [
      [{}, { maxRetries: 0 }],
      [{ "retry-after-ms": "30000" }, {}],
    ] as const) {
      const { box, toolbox } = await refusing("tools/list", [429], headers, options);
      const answer = await runWithUserContext(callContext("c1"), () =>
        toolbox.fetch(toolbox.url, requestOf("tools/list")),
      );
      expect([answer.status, box.seen.length]).toEqual([429, 1]);
    }
  });
});

describe("how long to wait", () => {
  const now = Date.parse("2026-11-23T10:00:00Z");
  const plan = (chance: number, request = requestOf("tools/list"), maxRetries = 3) =>
    retryPlan(request, {
      maxRetries,
      maxWaitMs: 20_000,
      now: () => now,
      random: () => Uint8Array.of(chance),
    });
  const busy = (headers: Record<string, string> = {}, status = 429) =>
    new Response(null, { status, headers });

  it.each([
    [{ "retry-after": "2" }, 0, 2_000],
    [{ "retry-after": "2" }, 128, 2_125],
    [{ "retry-after": "Mon, 23 Nov 2026 10:00:03 GMT" }, 0, 3_000],
    [{ "retry-after": "Mon, 23 Nov 2026 09:00:00 GMT" }, 0, 0],
    [{ "retry-after-ms": "40", "retry-after": "9" }, 0, 40],
    [{ "x-ms-retry-after-ms": "40" }, 0, 40],
    [{ "retry-after": "soon" }, 0, 250],
    [{}, 0, 250],
    [{}, 128, 500],
    [{ "retry-after": "60" }, 0, undefined],
  ])("after %j with chance %i: %s ms", (headers, chance, expected) => {
    expect(plan(chance)(busy(headers as Record<string, string>))).toBe(expected);
  });

  it("doubles, and ends", () => {
    const next = plan(0);
    expect([next(busy()), next(busy()), next(busy()), next(busy())]).toEqual([250, 500, 1_000, undefined]);
  });

  it("is bounded altogether", () => {
    const next = plan(0);
    expect([next(busy({ "retry-after": "12" })), next(busy({ "retry-after": "12" }))]).toEqual([
      12_000,
      undefined,
    ]);
  });

  it.each([
    ["a body that is gone", { ...requestOf("tools/list"), body: new ReadableStream() }, 429, undefined],
    [
      "a method its header contradicts",
      { ...requestOf("tools/call"), headers: { "mcp-method": "tools/list" } },
      500,
      undefined,
    ],
    ["a resumed stream", { method: "GET" }, 502, 250],
    ["the end of a session", { method: "DELETE" }, 502, undefined],
    ["a body that cannot be read", { method: "POST", body: "{" }, 500, undefined],
    [
      "a long body",
      { method: "POST", body: JSON.stringify({ method: "tools/list", x: "x".repeat(5_000) }) },
      500,
      undefined,
    ],
  ] as const)("%s", (_, request, status, expected) => {
    expect(plan(0, request as RequestInit)(busy({}, status))).toBe(expected);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((done) => setTimeout(done, 2));
}
