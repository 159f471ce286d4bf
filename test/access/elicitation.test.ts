import type { ServerResponse } from "node:http";
import { inspect } from "node:util";
import {
  findConsentRequired,
  type IdentityEvent,
  isConsentRequiredError,
  runWithUserContext,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { runTurn } from "hosted-agent-identity/turn";
import { testUserContext } from "hosted-agent-identity/testing";
import { callsInFlight, toolCallsOf } from "../../src/context/internals.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  accessTo,
  events,
  json,
  startElicitingServer,
  type ElicitingServer,
} from "../support/eliciting-server.js";
import { openClient } from "../support/mcp-clients.js";

const secret = "abc123SECRETLINK";
const link = `https://gateway.example/connect/${secret}?state=1`;
const allowed = ["https://gateway.example/connect/"];
const page = (url = link) => ({ mode: "url", elicitationId: "e1", url, message: "Connect your account" });
const required = (...pages: object[]) => ({
  error: { code: -32042, message: "This request requires more information.", data: { elicitations: pages } },
});
const inputRequired = (...inputs: object[]) => ({
  result: {
    resultType: "input_required",
    inputRequests: Object.fromEntries(
      inputs.map((params, n) => [`i${n}`, { method: "elicitation/create", params }]),
    ),
    requestState: "state",
  },
});
const call = (id: number | string = 1, method = "tools/call", params: object = { name: "issues" }) => ({
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
});

let server: ElicitingServer;
const accesses: UserAccess[] = [];
beforeEach(async () => {
  server = await startElicitingServer();
});
afterEach(async () => {
  await Promise.all([server.close(), ...accesses.splice(0).map((access) => access.close())]);
});

const access = (
  ...given: Parameters<typeof accessTo> extends [string, ...infer Rest] ? Rest : never
): UserAccess => {
  const made = accessTo(server.url, ...given);
  accesses.push(made);
  return made;
};
const thrownBy = (context: UserContext, work: () => Promise<unknown>): Promise<unknown> =>
  runWithUserContext(context, work).then(
    (value) => {
      throw new Error(`nothing was thrown: ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
const printed = (error: unknown): string =>
  [String(error), inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error)].join("\n");

describe("a server that asks for a URL", () => {
  it.each([
    [
      "-32042, as JSON",
      "tools/call",
      (id: unknown) => ({ type: "json" as const, message: { id, ...required(page()) } }),
    ],
    [
      "-32042, as an event",
      "tools/call",
      (id: unknown) => ({ type: "sse" as const, message: { id, ...required(page()) } }),
    ],
    [
      "-32042 on another request",
      "tools/list",
      (id: unknown) => ({ type: "json" as const, message: { id, ...required(page()) } }),
    ],
    [
      "input_required",
      "tools/call",
      (id: unknown) => ({ type: "json" as const, message: { id, ...inputRequired(page()) } }),
    ],
    [
      "input_required of a resource",
      "resources/read",
      (id: unknown) => ({ type: "sse" as const, message: { id, ...inputRequired(page()) } }),
    ],
    [
      "input_required of a prompt",
      "prompts/get",
      (id: unknown) => ({ type: "json" as const, message: { id, ...inputRequired(page()) } }),
    ],
    [
      "a URL beside a form",
      "tools/call",
      (id: unknown) => ({
        type: "json" as const,
        message: { id, ...inputRequired({ mode: "form", message: "m", requestedSchema: {} }, page()) },
      }),
    ],
  ])("has the user asked for it: %s", async (_what, method, answered) => {
    server.answer = (rpc, response) => {
      const { type, message } = answered(rpc.id);
      if (type === "json") json(response, rpc, message);
      else events(response, [{ jsonrpc: "2.0", ...message }]);
    };
    const context = testUserContext();
    const contacts = access(allowed);
    const error = await thrownBy(context, () => contacts.fetch(contacts.url, call(7, method)));
    expect(isConsentRequiredError(error)).toBe(true);
    const [request] = findConsentRequired(error)?.requests ?? [];
    expect(request).toMatchObject({ link, serverLabel: "gateway", reason: "elicitation" });
    expect(context.consentRequests).toEqual([request]);
    expect(printed(error)).not.toContain(secret);
    expect(String(error)).toContain("complete a step in the browser");
  });

  it("ends the turn with the request, though the framework turns the error into text", async () => {
    server.answer = (rpc, response) => json(response, rpc, required(page()));
    const contacts = access(allowed);
    const said: string[] = [];
    const result = await runWithUserContext(testUserContext(), () =>
      runTurn(async () => {
        await contacts.fetch(contacts.url, call()).catch((error: unknown) => said.push(String(error)));
        return "done";
      }),
    );
    expect(result).toMatchObject({ status: "consent_required", requests: [{ link, reason: "elicitation" }] });
    expect(said.join()).not.toContain(secret);
  });

  it("is refused without the option, in words that name origin and option and not the link", async () => {
    server.answer = (rpc, response) => json(response, rpc, required(page()));
    const seen: IdentityEvent[] = [];
    const context = testUserContext();
    const contacts = access(undefined, { onEvent: (event) => seen.push(event) });
    const error = await thrownBy(context, () => contacts.fetch(contacts.url, call()));
    expect(error).toMatchObject({ code: "elicitation_not_allowed" });
    expect(String(error)).toContain("https://gateway.example");
    expect(String(error)).toContain("elicitation.allowedLinks");
    expect(printed(error) + JSON.stringify(seen)).not.toContain(secret);
    expect(context.consentRequests).toEqual([]);
    expect(seen).toContainEqual(
      expect.objectContaining({ type: "consent_link_refused", from: "elicitation" }),
    );
  });

  it("is refused in the same words in an event stream, which is not held for it", async () => {
    server.answer = (rpc, response) =>
      events(response, [{ jsonrpc: "2.0", id: rpc.id, ...required(page()) }]);
    const contacts = access();
    const text = await runWithUserContext(testUserContext(), async () =>
      (await contacts.fetch(contacts.url, call(3))).text(),
    );
    expect(JSON.parse(text.replace(/^[^{]*/, ""))).toMatchObject({
      id: 3,
      error: {
        code: -32042,
        message: expect.stringContaining("elicitation.allowedLinks"),
        data: { code: "elicitation_not_allowed" },
      },
    });
    expect(text).not.toContain(secret);
  });

  it.each([
    ["SDK v1", "v1"],
    ["SDK v2", "v2-legacy"],
  ] as const)("is what the turn fails with, whatever %s makes of the stream's error", async (_what, kind) => {
    server.answer = (rpc, response) =>
      events(response, [{ jsonrpc: "2.0", id: rpc.id, ...required(page()) }]);
    const contacts = access();
    const failure = await thrownBy(testUserContext(), () =>
      runTurn(async () => {
        const client = await openClient(kind, contacts.url, { fetch: contacts.fetch });
        try {
          await client.callTool({ name: "issues", arguments: {} });
        } catch (cause) {
          throw new Error("The tool failed.", { cause });
        } finally {
          await client.close();
        }
      }),
    );
    expect(failure).toMatchObject({ code: "elicitation_not_allowed" });
    expect(String(failure)).toContain("https://gateway.example");
    expect(printed(failure)).not.toContain(secret);
  });

  it("is not what a turn fails with for another reason", async () => {
    server.answer = (rpc, response) =>
      events(response, [{ jsonrpc: "2.0", id: rpc.id, ...required(page()) }]);
    const contacts = access();
    for (const error of [
      new Error("another"),
      Object.assign(new Error("another"), { data: { code: 5 } }),
      Object.assign(new Error("another"), { data: null }),
    ]) {
      const failure = await thrownBy(testUserContext(), () =>
        runTurn(async () => {
          await (await contacts.fetch(contacts.url, call())).text();
          throw error;
        }),
      );
      expect(failure).toBe(error);
    }
  });

  it("is asked for in a stream that is resumed, too", async () => {
    const resuming = {
      headers: { accept: "text/event-stream", "last-event-id": "e7", "mcp-session-id": "s" },
    };
    server.onGet = (response) =>
      events(response, [
        { jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: page() },
        { jsonrpc: "2.0", id: 7, ...required(page("https://gateway.example/connect/2")) },
      ]);
    const context = testUserContext();
    const contacts = access(allowed);
    const text = await runWithUserContext(context, async () =>
      (await contacts.fetch(contacts.url, resuming)).text(),
    );
    expect(text).not.toContain(secret);
    expect(text).not.toContain("gateway.example");
    expect(text).toContain('"id":7');
    expect(context.consentRequests.map(({ link: shown }) => shown)).toEqual([
      link,
      "https://gateway.example/connect/2",
    ]);
    await expect.poll(() => server.seen.at(-1)).toMatchObject({ id: "s1", result: { action: "cancel" } });

    server.onGet = (response) => events(response, [{ jsonrpc: "2.0", id: 7, ...required(page()) }]);
    const other = access();
    const refused = await runWithUserContext(testUserContext(), async () =>
      (await other.fetch(other.url, resuming)).text(),
    );
    expect(refused).toContain("elicitation.allowedLinks");
    expect(refused).not.toContain(secret);
  });

  it.each([
    ["in place of the answer", (id: unknown) => ({ jsonrpc: "2.0", id, ...required(page()) })],
    [
      "while the call runs",
      () => ({ jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: page() }),
    ],
  ])("leaves the call as one that was asked for, not as failed or answered: %s", async (_when, message) => {
    server.answer = (rpc, response) => events(response, [message(rpc.id)]);
    const context = testUserContext();
    const contacts = access(allowed);
    await thrownBy(context, () => contacts.fetch(contacts.url, call()));
    expect(toolCallsOf(context)).toEqual([{ serverLabel: "gateway", name: "issues", state: "asked" }]);
    expect(callsInFlight(context)).toEqual([]);
  });

  it("leaves the call as one that was asked for when the stream goes on and ends", async () => {
    let answering: ServerResponse | undefined;
    server.answer = (_rpc, response) => {
      answering = response;
      events(response, [{ jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } }], true);
    };
    const context = testUserContext();
    const contacts = access(allowed);
    await runWithUserContext(context, async () => {
      const response = await contacts.fetch(contacts.url, call());
      const asking = { jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: page() };
      const answer = { jsonrpc: "2.0", id: 1, result: { content: [] } };
      answering?.end(`data: ${JSON.stringify(asking)}\n\ndata: ${JSON.stringify(answer)}\n\n`);
      await response.text();
    });
    expect(toolCallsOf(context)).toMatchObject([{ state: "asked" }]);
    expect(callsInFlight(context)).toEqual([]);
  });

  it.each([
    ["another path", "https://gateway.example/other/x", "elicitation_not_allowed"],
    ["a path that only begins like it", "https://gateway.example/connect-evil/x", "elicitation_not_allowed"],
    ["a path that climbs", "https://gateway.example/connect/../other", "elicitation_not_allowed"],
    [
      "an encoded path that climbs",
      "https://gateway.example/connect/%2e%2e/other",
      "elicitation_not_allowed",
    ],
    ["another host", "https://evil.example/connect/x", "elicitation_not_allowed"],
    ["a user name", "https://gateway.example@evil.example/connect/x", "consent_link_refused"],
    ["http", "http://gateway.example/connect/x", "consent_link_refused"],
    ["javascript", "javascript:alert(1)", "consent_link_refused"],
    ["no text", 5, "consent_link_refused"],
  ])("is refused for %s", async (_what, url, code) => {
    server.answer = (rpc, response) => json(response, rpc, required(page(), { ...page(), url }));
    const context = testUserContext();
    const contacts = access(allowed);
    const error = await thrownBy(context, () => contacts.fetch(contacts.url, call()));
    expect(error).toMatchObject({ code });
    expect(context.consentRequests).toEqual([]);
  });

  it("gets the capability declared, and nothing else changed", async () => {
    const contacts = access(allowed);
    const client = await runWithUserContext(testUserContext(), () =>
      openClient("v1", contacts.url, { fetch: contacts.fetch }),
    );
    const [initialize] = server.seen;
    expect(initialize?.params?.["capabilities"]).toEqual({ elicitation: { url: {} } });
    expect(initialize?.params?.["clientInfo"]).toEqual({ name: "tests", version: "1.0.0" });
    await client.close();
  });

  it("gets nothing declared for a resource without the option", async () => {
    const contacts = access();
    const client = await runWithUserContext(testUserContext(), () =>
      openClient("v1", contacts.url, { fetch: contacts.fetch }),
    );
    expect(server.seen[0]?.params?.["capabilities"]).toEqual({});
    await client.close();
  });

  it("is answered cancel while the call runs, with the same user's token, and the call ends", async () => {
    const reply = new Promise<void>((done) => Object.assign(server, { onReply: () => done() }));
    let answering: ServerResponse | undefined;
    server.answer = (_rpc, response) => {
      answering = response;
      events(response, [{ jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } }], true);
    };
    const context = testUserContext();
    const contacts = access(allowed);
    const text = await runWithUserContext(context, async () => {
      const response = await contacts.fetch(contacts.url, call(9));
      const asking = { jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: page() };
      answering?.end(`data: ${JSON.stringify(asking)}\n\n`);
      const read = await response.text();
      await reply;
      return read;
    });
    expect(text).not.toContain(secret);
    expect(text).toContain("notifications/progress");
    expect(text).toContain('"id":9');
    expect(context.consentRequests).toMatchObject([{ link, reason: "elicitation" }]);
    expect(server.seen.at(-1)).toEqual({ jsonrpc: "2.0", id: "s1", result: { action: "cancel" } });
    expect(new Set(server.tokens).size).toBe(1);
  });

  it.each([
    [
      "a form",
      { jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: { mode: "form", message: "m" } },
    ],
    [
      "a form that does not say so",
      { jsonrpc: "2.0", id: "s1", method: "elicitation/create", params: { message: "m" } },
    ],
    ["sampling", { jsonrpc: "2.0", id: "s1", method: "sampling/createMessage", params: {} }],
    ["a form of 2026", { jsonrpc: "2.0", id: 1, ...inputRequired({ mode: "form", message: "m" }) }],
    [
      "what a tool returned",
      {
        jsonrpc: "2.0",
        id: 1,
        result: { content: [{ type: "text", text: JSON.stringify(required(page())) }] },
      },
    ],
    ["the answer to another request", { jsonrpc: "2.0", id: 2, ...required(page()) }],
    [
      "an error with another code",
      { jsonrpc: "2.0", id: 1, error: { code: -32000, message: "m", data: { elicitations: [page()] } } },
    ],
  ])("leaves the host's own to the host: %s", async (_what, message) => {
    server.answer = (_rpc, response) => events(response, [message]);
    const context = testUserContext();
    const contacts = access(allowed);
    const text = await runWithUserContext(context, async () =>
      (await contacts.fetch(contacts.url, call())).text(),
    );
    expect(text.startsWith(`event: message\ndata: ${JSON.stringify(message)}\n\n`)).toBe(true);
    expect(context.consentRequests).toEqual([]);
  });

  it("says what to do where the body could not be read", async () => {
    const undeclared = {
      error: { code: -32021, message: "m", data: { requiredCapabilities: { elicitation: { url: {} } } } },
    };
    server.answer = (rpc, response) => json(response, rpc, undeclared, 400);
    const contacts = access(allowed);
    const { body, ...init } = call();
    const large = { ...init, body: body.padEnd(1_048_577) };
    const error = await thrownBy(testUserContext(), () => contacts.fetch(contacts.url, large));
    expect(error).toMatchObject({ code: "elicitation_not_allowed" });
    expect((error as { help: string }).help).toContain("1 MiB");
  });

  it("leaves an undeclared form to the host", async () => {
    const undeclared = {
      error: { code: -32021, message: "m", data: { requiredCapabilities: { elicitation: { form: {} } } } },
    };
    server.answer = (rpc, response) => json(response, rpc, undeclared, 400);
    const contacts = access(allowed);
    const response = await runWithUserContext(testUserContext(), async () =>
      contacts.fetch(contacts.url, call()),
    );
    expect(response.status).toBe(400);
  });
});

describe("how often a user is asked", () => {
  it("once for each page of a turn, and for four pages at most", async () => {
    const contacts = access(allowed);
    const context = testUserContext();
    const ask = (n: number): Promise<unknown> => {
      server.answer = (rpc, response) =>
        json(response, rpc, required(page(`https://gateway.example/connect/${n}`)));
      return thrownBy(context, () => contacts.fetch(contacts.url, call()));
    };
    for (const n of [1, 1, 2, 3, 4, 4]) expect(isConsentRequiredError(await ask(n))).toBe(true);
    expect(context.consentRequests).toHaveLength(4);
    expect(await ask(5)).toMatchObject({ code: "elicitation_repeated" });
    expect(context.consentRequests).toHaveLength(4);
  });

  it("not again for the same page in the turn that resumes, when the user is back from it", async () => {
    let time = 1_000_000;
    server.answer = (rpc, response) => json(response, rpc, required(page()));
    const contacts = access(allowed, { now: () => time });
    const [ada, grace] = ["1", "2"].map((digit) => `${digit}2222222-2222-4222-8222-222222222222`);
    const turn = (oid: string | undefined, resumed?: { tools: [] }): Promise<unknown> =>
      runWithUserContext(testUserContext({ oid }), () =>
        runTurn(async () => contacts.fetch(contacts.url, call()), { resumed }).then(
          ({ status }) => status,
          (error: unknown) => error,
        ),
      );
    const back = { tools: [] as [] };
    // A resumed turn in which another page was shown before.
    expect(await turn(ada, back)).toBe("consent_required");
    // Another prompt of the same user: the card before may not be at hand.
    expect(await turn(ada)).toBe("consent_required");
    const again = await turn(ada, back);
    expect(again).toMatchObject({ code: "elicitation_repeated" });
    expect(printed(again)).not.toContain(secret);
    expect(await turn(grace, back)).toBe("consent_required");
    time += 15 * 60_000 + 1;
    expect(await turn(ada, back)).toBe("consent_required");
  });

  it("with the link of a source that has a page of its own", async () => {
    server.answer = (rpc, response) => json(response, rpc, required(page()));
    const asked: unknown[] = [];
    const own = "https://agent.example.com/sign-in/open?t=sealed";
    const contacts = access(allowed, {
      source: {
        async pageFor({ url, message }) {
          asked.push({ url, message });
          return { link: own, expiresAt: 5 };
        },
      },
    });
    const context = testUserContext();
    const error = await thrownBy(context, () => contacts.fetch(contacts.url, call()));
    expect(findConsentRequired(error)?.requests).toMatchObject([{ link: own, expiresAt: 5 }]);
    expect(asked).toEqual([{ url: link, message: "Connect your account" }]);
  });
});
