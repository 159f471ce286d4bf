import { randomUUID } from "node:crypto";
import { request as httpRequest } from "node:http";
import { EventEmitter, once } from "node:events";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type ErrorCode,
  errorCodes,
  getUserContext,
  tryGetUserContext,
  type UserContext,
  type UserContextOptions,
  userTokenVerifier,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { liveInternalsOf } from "../../src/context/internals.js";
import { adapterHosts, type Probe } from "../support/adapter-hosts.js";
import type { RunningHost } from "../support/listening.js";
import { handMade, signingKey, startTestCloud, type TestCloud } from "../support/keys.js";
import { leaks } from "../support/people.js";

let cloud: TestCloud;
let options: UserContextOptions & { verify: UserTokenVerifier };
beforeAll(async () => {
  cloud = await startTestCloud();
  options = { verify: userTokenVerifier({ app: cloud.app }), environment: { hosted: false } };
});
afterAll(() => cloud.close());

const tokenHeader = "x-client-user-token";

describe.each(adapterHosts)("$name", ({ start }) => {
  let running: RunningHost | undefined;
  afterEach(async () => {
    await running?.close();
    running = undefined;
  });

  async function host(probe: Partial<Probe> = {}, more: Partial<UserContextOptions> = {}): Promise<string> {
    const nobody: Probe = { who: () => ({}), hang() {}, async *stream() {} };
    running = await start({ ...options, ...more }, { ...nobody, ...probe });
    return running.url;
  }

  const whoIsAsking: Pick<Probe, "who"> = {
    who: (requests) => ({
      ambient: tryGetUserContext()?.user?.oid ?? null,
      byRequest: requests.map((request) => tryGetUserContext(request)?.user?.oid ?? null),
    }),
  };

  test("the handler knows the person, also by every request object", async () => {
    const url = await host(whoIsAsking);
    const oid = randomUUID();
    const seen = await asJson(
      fetch(`${url}/who`, { headers: { [tokenHeader]: await cloud.token({ oid }) } }),
    );
    expect(seen).toEqual({ ambient: oid, byRequest: seen.byRequest.map(() => oid) });
    expect(seen.byRequest.length).toBeGreaterThan(0);
  });

  test("the handler knows the person, also after a body that came late", async () => {
    const verified = new EventEmitter();
    const verify: typeof options.verify = async (token) => {
      setTimeout(() => verified.emit("done"), 10);
      return options.verify(token);
    };
    const url = await host(whoIsAsking, { verify });
    const oid = randomUUID();
    const headers = { [tokenHeader]: await cloud.token({ oid }), "content-type": "application/json" };
    const late = async function* () {
      yield '{"input":';
      await once(verified, "done");
      yield '"hello"}';
    };
    const init: RequestInit & { duplex: "half" } = {
      method: "POST",
      headers,
      body: encoded(late()),
      duplex: "half",
    };
    const seen = await asJson(fetch(`${url}/who`, init));
    expect(seen).toEqual({ ambient: oid, byRequest: seen.byRequest.map(() => oid) });
  });

  test("without a token the request goes on as nobody, or is refused where one is required", async () => {
    const url = await host(whoIsAsking);
    expect(await (await fetch(`${url}/who`)).json()).toMatchObject({ ambient: null });
    await running?.close();
    const strict = await host(whoIsAsking, { require: true });
    const response = await fetch(`${strict}/who`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm=""');
    expect(await response.json()).toMatchObject({ error: { code: "user_token_missing" } });
  });

  test("nothing behind it can find the token on the request", async () => {
    let shown = "";
    const url = await host({
      who(requests, places) {
        shown = inspect([...places, ...requests], {
          depth: 6,
          showHidden: true,
          maxArrayLength: null,
          maxStringLength: null,
        });
        return { ok: true };
      },
    });
    const [token, other] = [await cloud.token(), await cloud.token()];
    const headers = { [tokenHeader]: token, "x-client-locale": "de" };
    const response = await fetch(`${url}/who`, { headers });
    expect(await response.json()).toEqual({ ok: true });
    expect(shown).toContain("x-client-locale");
    expect(leaks(shown, token)).toBe(false);

    await running?.close();
    const custom = await host(
      {
        who: (requests, places) => {
          shown = inspect([...places, ...requests], { depth: 6, showHidden: true, maxStringLength: null });
          return { ok: true };
        },
      },
      { tokenHeader: "authorization" },
    );
    await fetch(`${custom}/who`, { headers: { authorization: `Bearer ${token}`, [tokenHeader]: other } });
    expect(leaks(shown, token)).toBe(false);
    expect(leaks(shown, other)).toBe(false);
  });

  test("a stream pulled after the handler has returned still runs for its person, then the turn is over", async () => {
    let context: UserContext | undefined;
    const url = await host({
      async *stream() {
        context = getUserContext();
        for (let n = 0; n < 5; n += 1) {
          await sleep(1);
          liveInternalsOf(getUserContext());
          yield `${getUserContext().user?.oid} `;
        }
      },
    });
    const oid = randomUUID();
    const response = await fetch(`${url}/stream`, { headers: { [tokenHeader]: await cloud.token({ oid }) } });
    expect((await response.text()).trim().split(" ")).toEqual(Array.from({ length: 5 }, () => oid));
    await vi.waitFor(() => expect(context?.ended).toBe(true));
  });

  test("interleaved requests of two people never cross", async () => {
    const url = await host({
      ...whoIsAsking,
      async *stream() {
        for (let n = 0; n < 8; n += 1) {
          await sleep(Math.random() * 4);
          yield `${getUserContext().user?.oid} `;
        }
      },
    });
    const people = await Promise.all(
      [randomUUID(), randomUUID()].map(async (oid) => ({ oid, token: await cloud.token({ oid }) })),
    );
    const calls = Array.from({ length: 20 }, async (_, n) => {
      const { oid, token } = people[n % 2]!;
      const response = await fetch(`${url}/stream`, { headers: { [tokenHeader]: token } });
      const seen = (await response.text()).trim().split(" ");
      return { oid, seen: [...new Set(seen)], chunks: seen.length };
    });
    for (const { oid, seen, chunks } of await Promise.all(calls)) {
      expect(seen).toEqual([oid]);
      expect(chunks).toBe(8);
    }
  });

  test("the next request on the same connection starts as nobody", async () => {
    const url = await host(whoIsAsking);
    const oid = randomUUID();
    const token = await cloud.token({ oid });
    for (const [headers, ambient] of [
      [{ [tokenHeader]: token }, oid],
      [{}, null],
    ] as const) {
      expect(
        await (await fetch(`${url}/who`, { headers: { ...headers, connection: "keep-alive" } })).json(),
      ).toMatchObject({
        ambient,
      });
    }
  });

  test("the turn is over when the response has finished", async () => {
    const contexts: UserContext[] = [];
    const url = await host({
      who() {
        contexts.push(getUserContext());
        return { ended: getUserContext().ended };
      },
    });
    const response = await fetch(`${url}/who`, { headers: { [tokenHeader]: await cloud.token() } });
    expect(await response.json()).toEqual({ ended: false });
    await vi.waitFor(() => expect(contexts[0]?.ended).toBe(true));
    expect(() => liveInternalsOf(contexts[0]!)).toThrow(/has ended/);
  });

  test("the turn is over when the client goes away in the middle", async () => {
    let context: UserContext | undefined;
    let closed = false;
    const url = await host({
      async *stream() {
        context = getUserContext();
        try {
          for (;;) {
            yield "tick ";
            await sleep(5);
          }
        } finally {
          closed = true;
        }
      },
    });
    const client = new AbortController();
    const response = await fetch(`${url}/stream`, {
      headers: { [tokenHeader]: await cloud.token() },
      signal: client.signal,
    });
    await response.body?.getReader().read();
    expect(context?.ended).toBe(false);
    client.abort();
    await vi.waitFor(() => expect(context?.ended).toBe(true));
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  test("the turn is over when the client goes away before it got an answer", async () => {
    let context: UserContext | undefined;
    const client = new AbortController();
    const url = await host({
      hang() {
        context = getUserContext();
        client.abort();
      },
    });
    const headers = { [tokenHeader]: await cloud.token() };
    await expect(fetch(`${url}/hang`, { headers, signal: client.signal })).rejects.toThrow(/abort/);
    await vi.waitFor(() => expect(context?.ended).toBe(true));
  });

  const refusals: [string, ErrorCode, () => Promise<string> | string][] = [
    ["not a JSON Web Token", "user_token_malformed", () => "not-a-token-".repeat(3)],
    ["alg none", "user_token_algorithm", () => handMade({ alg: "none" }, { tid: cloud.home })],
    ["an unlisted tenant", "user_token_tenant", () => cloud.token({ tid: randomUUID() })],
    ["another issuer", "user_token_issuer", () => cloud.token({ iss: "https://evil.example/" })],
    ["another audience", "user_token_audience", () => cloud.token({ aud: 'api://other"\\\u00fc' })],
    ["a past expiry", "user_token_expired", () => cloud.token({ exp: 1_700_000_000 })],
    ["a start in the future", "user_token_not_yet_valid", () => cloud.token({ nbf: 4_000_000_000 })],
    ["an application", "user_token_app_only", () => cloud.token({ idtyp: "app", scp: undefined })],
    ["an agent's own user", "user_token_agent_user", () => cloud.token({ xms_sub_fct: "13" })],
    ["an unknown key", "user_token_key_unknown", () => cloud.token({}, { key: signingKey() })],
    ["100 kB", "user_token_too_large", () => cloud.token({ groups: "g".repeat(75_000) })],
  ];

  test.each(refusals)("a token with %s (%s) is answered 401, and nothing runs", async (_name, code, make) => {
    const who = vi.fn(() => ({}));
    const url = await host({ who });
    const token = await make();
    const response = await fetch(`${url}/who`, {
      headers: { [tokenHeader]: token, "x-request-id": "request-1" },
    });
    const text = await response.text();
    const shown = text + inspect([...response.headers]);
    expect(response.status).toBe(401);
    expect(JSON.parse(text)).toEqual({
      error: {
        message: expect.stringContaining(errorCodes[code].help),
        type: "authentication_error",
        param: tokenHeader,
        code,
      },
    });
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer realm="", error="invalid_token", error_description="[\x20-\x21\x23-\x5b\x5d-\x7e]+"$/,
    );
    expect(response.headers.get("x-platform-error-source")).toBe("user");
    expect(response.headers.get("x-platform-error-detail")).toBe(code);
    expect(response.headers.get("x-request-id")).toBe("request-1");
    expect(response.headers.get("x-platform-server")).toMatch(/^hosted-agent-identity\//);
    expect(leaks(shown, token)).toBe(false);
    expect(who).not.toHaveBeenCalled();
  });

  test("the answer names the audience that was expected and the one that came", async () => {
    const url = await host();
    const token = await cloud.token({ aud: "api://other" });
    const response = await fetch(`${url}/who`, { headers: { [tokenHeader]: token } });
    const challenge = response.headers.get("www-authenticate");
    expect(challenge).toContain("api://other");
    expect(challenge).toContain(`api://${cloud.app.clientId}`);
    await response.text();
  });

  test("keys that cannot be fetched are answered 503, as somebody else's fault", async () => {
    const down = await startTestCloud();
    const token = await down.token();
    await down.close();
    const url = await host({}, { verify: userTokenVerifier({ app: down.app }) });
    const response = await fetch(`${url}/who`, { headers: { [tokenHeader]: token } });
    const text = await response.text();
    expect(response.status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: "signing_keys_unavailable", type: "server_error" },
    });
    expect(response.headers.get("x-platform-error-source")).toBe("upstream");
    expect(response.headers.get("www-authenticate")).toBeNull();
    expect(response.headers.get("retry-after")).toBe("1");
    expect(leaks(text, token)).toBe(false);
  });

  test("two tokens are refused, however they are sent", async () => {
    const url = await host(whoIsAsking);
    const [one, two] = [await cloud.token(), await cloud.token()];
    const { status, text } = await sendRaw(`${url}/who`, [tokenHeader, one, "X-Client-User-Token", two]);
    expect(status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "user_token_repeated" } });
    expect(leaks(text, one) || leaks(text, two)).toBe(false);

    await running?.close();
    const url2 = await host(whoIsAsking, { tokenHeader: "authorization" });
    const answer = await sendRaw(`${url2}/who`, ["authorization", one, "Authorization", two]);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "user_token_repeated" } });
  });

  test("a repeated identity header is refused in the hosted environment, and ignored outside of it", async () => {
    const repeated = ["x-agent-user-id", "a", "X-Agent-User-Id", "b"];
    const url = await host({}, { environment: { hosted: true }, platformUserId: "one-person" });
    const { status, text } = await sendRaw(`${url}/who`, repeated);
    expect(status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({ error: { code: "identity_header_repeated", param: null } });

    await running?.close();
    const local = await host(
      { who: () => ({ platform: getUserContext().platform, principal: getUserContext().principal ?? null }) },
      { platformUserId: "one-person" },
    );
    const answer = await sendRaw(`${local}/who`, ["x-agent-user-id", "eve"]);
    expect(JSON.parse(answer.text)).toEqual({ platform: { hosted: false }, principal: null });
  });
});

interface Seen {
  ambient: string | null;
  byRequest: (string | null)[];
}

async function asJson(response: Promise<Response>): Promise<Seen> {
  return (await (await response).json()) as Seen;
}

function encoded(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(chunks, { objectMode: false })) as ReadableStream<Uint8Array>;
}

/** Sends headers exactly as given, repeats included. */
function sendRaw(url: string, headers: string[]): Promise<{ status: number; text: string }> {
  return new Promise((done, failed) => {
    const request = httpRequest(url, { headers: ["host", new URL(url).host, ...headers], agent: false });
    request.on("error", failed);
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => done({ status: response.statusCode ?? 0, text }));
    });
    request.end();
  });
}
