import { once } from "node:events";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ResponsesTurn } from "hosted-agent-identity";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { block, eventsOf, finished, startRawContainer } from "./containers.js";
import { ask, foundryWorld, startContainer, type FoundryWorld, type RunningContainer } from "./world.js";

let world: FoundryWorld;
let foundry: FoundryEmulator;
let container: RunningContainer;
let answer: (turn: ResponsesTurn) => AsyncIterable<string>;

beforeAll(async () => {
  world = await foundryWorld();
  container = await startContainer((turn) => answer(turn));
  foundry = await world.start({ agentUrl: container.url, impersonators: ["backend"] });
});
beforeEach(() => {
  container.seen.length = 0;
  answer = async function* ({ input }) {
    yield `You said ${input}`;
  };
});
afterAll(async () => {
  await container.close();
  await world.close();
});

interface Answered {
  readonly id: string;
  readonly status: string;
  readonly output: readonly { readonly content?: readonly { readonly text: string }[] }[];
}

async function answered(token: string, body: Record<string, unknown> = {}, headers = {}): Promise<Answered> {
  const response = await ask(foundry, token, { input: "Hello", ...body }, headers);
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status: 200 });
  return JSON.parse(text) as Answered;
}

const last = (name: string): unknown => container.seen.at(-1)?.headers[name];

describe("who is asking", () => {
  test("a person has one id, in every request and at every agent, which is not the object id", async () => {
    const other = await world.start({ agentUrl: container.url, agentName: "other" });
    await answered(await world.tokenOf("Ada"));
    const first = last("x-agent-user-id");
    await answered(await world.tokenOf("Ada"));
    expect(last("x-agent-user-id")).toBe(first);
    expect(first).toBe(foundry.userId({ name: "Ada" }));
    expect(first).not.toContain(world.entra.user("Ada").oid);
    await (await ask(other, await world.tokenOf("Ada"), { input: "Hello" })).text();
    expect(last("x-agent-user-id")).toBe(first);
    await answered(await world.tokenOf("Bob"));
    expect(last("x-agent-user-id")).not.toBe(first);
  });

  test("each request has a call id of its own, which ends with it", async () => {
    const seen: unknown[] = [];
    let live = 0;
    answer = async function* () {
      live = foundry.liveCalls;
      yield "Hello";
    };
    for (let n = 0; n < 3; n++) {
      await answered(await world.tokenOf("Ada"));
      seen.push(last("x-agent-foundry-call-id"));
    }
    expect(new Set(seen).size).toBe(3);
    expect({ live, afterwards: foundry.liveCalls }).toEqual({ live: 1, afterwards: 0 });
  });

  test("nobody chooses their own id: what a caller sends is replaced", async () => {
    const bob = foundry.userId({ name: "Bob" });
    const forged = { "x-agent-user-id": bob, "x-agent-foundry-call-id": "forged" };
    await answered(await world.tokenOf("Ada"), {}, forged);
    expect(container.seen.at(-1)?.rawHeaders.filter((text) => text === bob || text === "forged")).toEqual([]);
  });

  test("a back end that forgets x-ms-user-identity is one person", async () => {
    const token = await world.appToken();
    await answered(token, { input: "I am Ada" });
    const first = last("x-agent-user-id");
    await answered(token, { input: "I am Bob" });
    expect(last("x-agent-user-id")).toBe(first);
  });

  test("a back end with the permission names its people", async () => {
    const token = await world.appToken();
    const ids: unknown[] = [];
    for (const name of ["user-1", "user-2", "user-1"]) {
      await answered(token, {}, { "x-ms-user-identity": name });
      ids.push(last("x-agent-user-id"));
      expect(last("x-ms-user-identity")).toBeUndefined();
    }
    expect(ids[0]).toBe(ids[2]);
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[0]).toBe(foundry.userId({ delegated: "user-1" }));
  });

  test.each(["user-1", "a", "a".repeat(256), "8f0c.1:2_3-4@contoso.com"])(
    "%s names a person",
    async (name) => {
      const response = await ask(foundry, await world.appToken(), {}, { "x-ms-user-identity": name });
      await response.text();
      expect(response.status).toBe(200);
      expect(last("x-agent-user-id")).toBe(foundry.userId({ delegated: name }));
    },
  );

  test.each([
    ["a guest's UPN", "ada_fabrikam.com#EXT#@contoso.com"],
    ["a tenant and an object id with a slash", "11111111-aaaa/22222222-bbbb"],
    ["a plus sign", "ada+b@contoso.com"],
    ["a space", "ada lovelace"],
    ["an accent", "adélaïde"],
    ["nothing", ""],
    ["more than 256 characters", "a".repeat(257)],
  ])("%s names nobody", async (_what, name) => {
    const asked = container.seen.length;
    const response = await ask(foundry, await world.appToken(), {}, { "x-ms-user-identity": name });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: "invalid_payload", param: "x-ms-user-identity" },
    });
    expect(foundry.log.findLast(({ side }) => side === "caller")?.refusal).toBe("user_identity_invalid");
    expect(container.seen.length).toBe(asked);
  });

  test("an app of another tenant's person is refused, and so is a person who may not", async () => {
    expect((await ask(foundry, await world.tokenOf("Zoe"), { input: "Hello" })).status).toBe(400);
    const narrow = await world.start({ agentUrl: container.url, consumers: ["Bob"] });
    expect((await ask(narrow, await world.tokenOf("Ada"), { input: "Hello" })).status).toBe(403);
    expect((await ask(narrow, await world.tokenOf("Bob"), { input: "Hello" })).status).toBe(200);
  });

  test("keys that Entra has changed meanwhile are fetched again", async () => {
    await world.entra.rotateKeys();
    expect((await ask(foundry, await world.tokenOf("Ada"), { input: "Hello" })).status).toBe(200);
  });
});

describe("sessions", () => {
  const sessionIn = async (token: string, body = {}, headers = {}): Promise<unknown> => {
    const response = await ask(foundry, token, { input: "Hello", ...body }, headers);
    expect(response.status).toBe(200);
    await response.text();
    return response.headers.get("x-agent-session-id");
  };

  test("a conversation keeps its session, a new one gets another", async () => {
    const token = await world.tokenOf("Ada");
    const first = await answered(token);
    const session = foundry.log.findLast(({ side }) => side === "caller")?.sessionId;
    expect(await sessionIn(token, { previous_response_id: first.id })).toBe(session);
    expect(await sessionIn(token)).not.toBe(session);
    const conversation = await sessionIn(token, { conversation: "conv_1" });
    expect(await sessionIn(token, { conversation: { id: "conv_1" } })).toBe(conversation);
    expect(await sessionIn(await world.tokenOf("Bob"), { conversation: "conv_1" })).not.toBe(conversation);
  });

  test("the container is told the session in the body", async () => {
    const bodies: unknown[] = [];
    answer = async function* ({ request }) {
      bodies.push(request.body["agent_session_id"]);
      yield "Hello";
    };
    const session = await sessionIn(await world.tokenOf("Ada"), { agent_session_id: "my-own" });
    expect({ session, bodies }).toEqual({ session: "my-own", bodies: ["my-own"] });
  });

  test("a back end may put several people into one session", async () => {
    const token = await world.appToken();
    for (const name of ["user-1", "user-2"]) {
      expect(await sessionIn(token, { agent_session_id: "pool" }, { "x-ms-user-identity": name })).toBe(
        "pool",
      );
    }
  });
});

describe("streams", () => {
  test("events arrive one by one, while the agent is still thinking", async () => {
    let goOn = (): void => {};
    const thinking = new Promise<void>((resolve) => (goOn = resolve));
    answer = async function* () {
      yield "First";
      await thinking;
      yield " and second";
    };
    const response = await ask(foundry, await world.tokenOf("Ada"), { input: "Hello", stream: true });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    const read = async (): Promise<boolean> => {
      const { done, value } = await reader.read();
      text += Buffer.from(value ?? []).toString("utf8");
      return !done;
    };
    while (!text.includes("First")) await read();
    expect(text).not.toContain("second");
    goOn();
    while (await read());
    expect(text).toContain("event: response.completed");
  });

  test("what the container sends arrives byte by byte, comments and odd chunks too", async () => {
    const text = [": keep alive\n\n", ...eventsOf(finished()).map(block)]
      .join("")
      .replace("Hello", "Grüße 👋");
    const odd = await startRawContainer(async (response) => {
      response.writeHead(200, { "content-type": "text/event-stream", "x-platform-server": "mine/1" });
      for (const byte of Buffer.from(text)) response.write(Buffer.from([byte]));
      response.end();
    });
    foundry.connectAgent(odd.url);
    const response = await ask(foundry, await world.tokenOf("Ada"), { input: "Hello", stream: true });
    expect(await response.text()).toBe(text);
    expect(response.headers.get("x-platform-server")).toBe("mine/1");
    foundry.connectAgent(container.url);
    await odd.close();
  });

  test("a caller who leaves ends the container's work, and the call", async () => {
    let ended = (): void => {};
    const noticed = new Promise<void>((resolve) => (ended = resolve));
    answer = async function* ({ signal }) {
      yield "First";
      await once(signal, "abort");
      ended();
    };
    const leave = new AbortController();
    const response = await fetch(foundry.responsesUrl, {
      method: "POST",
      headers: { authorization: `Bearer ${await world.tokenOf("Ada")}`, "content-type": "application/json" },
      body: JSON.stringify({ input: "Hello", stream: true }),
      signal: leave.signal,
    });
    await response.body?.getReader().read();
    leave.abort();
    await noticed;
    await expect.poll(() => foundry.liveCalls).toBe(0);
    expect(foundry.storedResponses).not.toContain(response.headers.get("x-agent-response-id"));
  });

  test("a container that breaks off is told as an error in the stream", async () => {
    const breaking = await startRawContainer((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(block(eventsOf(finished())[0] ?? { type: "" }), () => response.destroy());
    });
    foundry.connectAgent(breaking.url);
    const response = await ask(foundry, await world.tokenOf("Ada"), { input: "Hello", stream: true });
    expect(await response.text()).toMatch(/^event: response.created\n.*\n\nevent: error\ndata: .*\n\n$/);
    foundry.connectAgent(container.url);
    await breaking.close();
  });
});

describe("what a container should do is noted, and does not end the request", () => {
  test("the headers of a bare answer", async () => {
    const bare = await startRawContainer((response) => {
      const headers = { "content-type": "text/event-stream", "x-agent-session-id": "another" };
      response.writeHead(200, headers).end(eventsOf(finished()).map(block).join(""));
    });
    const strict = await world.start({ agentUrl: bare.url });
    await (await ask(strict, await world.tokenOf("Ada"), { input: "Hello", stream: true })).text();
    expect(strict.log.find(({ side }) => side === "caller")?.violations).toEqual([
      "x-agent-session-id is another session",
      "x-request-id is missing",
      "x-platform-server is missing",
      "cache-control of the stream is not no-cache",
      "content-type of the stream has no charset=utf-8",
      "x-accel-buffering of the stream is not no",
    ]);
    await bare.close();
  });

  test("the headers of an error, which is passed on as it is", async () => {
    const failing = await startRawContainer((response) => {
      const detail = { "x-platform-error-source": "me", "x-platform-error-detail": "a".repeat(2049) };
      response.writeHead(501, { ...detail, "content-type": "application/json", "set-cookie": "a=b" });
      response.end('{"error":{"message":"Use protocol 2.0.0."}}');
    });
    const strict = await world.start({ agentUrl: failing.url });
    const response = await ask(strict, await world.tokenOf("Ada"), { input: "Hello" });
    expect(response.status).toBe(501);
    expect(response.headers.has("set-cookie")).toBe(false);
    expect(await response.json()).toEqual({ error: { message: "Use protocol 2.0.0." } });
    const { violations } = strict.log.find(({ side }) => side === "caller") ?? {};
    expect(violations).toContain("x-platform-error-source is not user, platform or upstream");
    expect(violations).toContain("x-platform-error-detail is longer than 2048 characters");
    await failing.close();
  });
});

describe("readiness", () => {
  test("a container that gets ready late is waited for", async () => {
    let asked = 0;
    const slow = await startRawContainer(undefined, () => (++asked < 3 ? 503 : 200));
    const patient = await world.start({ agentUrl: slow.url, readinessTimeoutMs: 5000 });
    const [first, second] = await Promise.all([
      ask(patient, await world.tokenOf("Ada"), { input: "Hello" }),
      ask(patient, await world.tokenOf("Bob"), { input: "Hello" }),
    ]);
    expect([first.status, second.status, asked]).toEqual([200, 200, 3]);
    await slow.close();
  });

  test("one that does not is 424, and is asked again the next time", async () => {
    let status = 503;
    const sick = await startRawContainer(undefined, () => status);
    const strict = await world.start({ agentUrl: sick.url, readinessTimeoutMs: 60 });
    const response = await ask(strict, await world.tokenOf("Ada"), { input: "Hello" });
    expect(response.status).toBe(424);
    expect(await response.json()).toMatchObject({ error: { code: "session_not_ready" } });
    expect(sick.seen).toEqual([]);
    status = 200;
    expect((await ask(strict, await world.tokenOf("Ada"), { input: "Hello" })).status).toBe(200);
    await sick.close();
  });

  test("a handler that never answers is 424 too", async () => {
    const hanging = await world.start({ agent: () => new Promise(() => {}), readinessTimeoutMs: 30 });
    expect((await ask(hanging, await world.tokenOf("Ada"), { input: "Hello" })).status).toBe(424);
  });
});

describe("stored responses", () => {
  const responseUrl = (id: string, more = ""): string =>
    foundry.responsesUrl.replace("/responses?", `/responses/${id}${more}?`);
  const get = async (token: string, url: string, method = "GET"): Promise<Response> =>
    fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
  let ada: string;
  let bob: string;
  beforeAll(async () => {
    [ada, bob] = await Promise.all([world.tokenOf("Ada"), world.tokenOf("Bob")]);
  });
  let response: Answered;
  beforeEach(async () => {
    response = await answered(ada, { input: "My secret" });
  });
  afterEach(async () => {
    await get(ada, responseUrl(response.id), "DELETE");
  });

  test("their person gets them, with what was asked", async () => {
    const found = await get(ada, responseUrl(response.id));
    expect(await found.json()).toEqual(response);
    const items = (await (await get(ada, responseUrl(response.id, "/input_items"))).json()) as {
      data: object[];
    };
    expect(items).toMatchObject({
      object: "list",
      has_more: false,
      data: [{ type: "message", role: "user", content: [{ type: "input_text", text: "My secret" }] }],
    });
  });

  test.each([
    ["reads", "", "GET"],
    ["lists the input of", "/input_items", "GET"],
    ["cancels", "/cancel", "POST"],
    ["deletes", "", "DELETE"],
  ])("nobody else %s them, or hears that they exist", async (_what, path, method) => {
    const refused = await get(bob, responseUrl(response.id, path), method);
    const unknown = await get(bob, responseUrl("caresp_unknown", path), method);
    expect([refused.status, unknown.status]).toEqual([404, 404]);
    expect((await refused.text()).replace(response.id, "")).toBe(
      (await unknown.text()).replace("caresp_unknown", ""),
    );
    expect((await get(ada, responseUrl(response.id))).status).toBe(200);
  });

  test("nobody else goes on with them", async () => {
    const body = { input: "What did I say?", previous_response_id: response.id };
    expect((await ask(foundry, bob, body)).status).toBe(404);
    expect((await ask(foundry, ada, body)).status).toBe(200);
  });

  test("people of one back end do not get each other's", async () => {
    const token = await world.appToken();
    const headers = { authorization: `Bearer ${token}`, "x-ms-user-identity": "user-1" };
    const theirs = await answered(token, {}, { "x-ms-user-identity": "user-1" });
    const as = (identity: string): Promise<Response> =>
      fetch(responseUrl(theirs.id), { headers: { ...headers, "x-ms-user-identity": identity } });
    expect([(await as("user-1")).status, (await as("user-2")).status]).toEqual([200, 404]);
    expect((await get(token, responseUrl(theirs.id))).status).toBe(404);
  });

  test("a deleted one is gone", async () => {
    const deleted = await get(ada, responseUrl(response.id), "DELETE");
    expect(await deleted.json()).toEqual({ id: response.id, object: "response", deleted: true });
    expect((await get(ada, responseUrl(response.id))).status).toBe(404);
  });

  test("a streamed one can be streamed again, from where one was", async () => {
    const streamed = await (await ask(foundry, ada, { input: "Hello", stream: true })).text();
    const id = /"id":"(caresp_\w+)"/.exec(streamed)?.[1] ?? "";
    const again = await get(ada, `${responseUrl(id)}&stream=true`);
    expect(await again.text()).toBe(streamed);
    const rest = await (await get(ada, `${responseUrl(id)}&stream=true&starting_after=1`)).text();
    expect(rest).toBe(streamed.split("\n\n").slice(2).join("\n\n"));
  });
});

test("several emulators work side by side, and close everything they opened", async () => {
  const [one, two] = await Promise.all([
    world.start({ agentUrl: container.url }),
    world.start({ agentUrl: container.url }),
  ]);
  const id = (await (await ask(one, await world.tokenOf("Ada"), { input: "Hello" })).json()) as Answered;
  expect(one.storedResponses).toEqual([id.id]);
  expect(two.storedResponses).toEqual([]);
  answer = async function* ({ signal }) {
    await once(signal, "abort");
    yield "";
  };
  const open = ask(one, await world.tokenOf("Ada"), { input: "Hello" });
  await expect.poll(() => one.liveCalls).toBe(1);
  await one.close();
  await expect(open).rejects.toThrow("fetch failed");
  await expect.poll(() => one.liveCalls).toBe(0);
  await one.close();
  expect((await fetch(two.responsesUrl)).status).toBe(405);
});
