import { Headers as OtherHeaders, Request as OtherRequest } from "undici";
import { describe, expect, test } from "vitest";
import { createServer } from "node:http";
import {
  isHostedAgentIdentityError,
  protectedResource,
  runWithUserContext,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { listening } from "../support/listening.js";
import { contextFor, mcpApp } from "../support/people.js";

const home = "https://contacts.example.com/mcp";
const evil = "https://evil.example/steal";

interface Sent {
  readonly url: string;
  readonly init: RequestInit;
  readonly headers: Headers;
}

interface Wire {
  readonly contacts: UserAccess;
  readonly sent: Sent[];
  /** Called while a token is on its way. */
  meanwhile: () => void;
  /** A session of this name belongs to this person. */
  open(id: string, owner: UserContext): Promise<void>;
}

function wire(
  answer: (sent: Sent) => Response | undefined = () => undefined,
  token = (context: UserContext) => `token-of-${context.user?.oid}`,
): Wire {
  const sent: Sent[] = [];
  const source: TokenSource = {
    kind: "test",
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: true,
    skip: () => undefined,
    async acquire({ context }) {
      await Promise.resolve();
      made.meanwhile();
      const expiresAt = Date.now() + 3_600_000;
      return { status: "token", token: { token: token(context), expiresAt, source: "test" } };
    },
  };
  const resource = protectedResource({
    url: home,
    serverLabel: "contacts",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  let opening: string | undefined;
  const contacts = userAccess(resource, [source], {
    fetch: async (input, init = {}) => {
      // As every implementation does: the URL is made a text once, and the headers are read by the standard's rules.
      const one = { url: String(input), init, headers: new Headers(init.headers) };
      sent.push(one);
      if (opening !== undefined) return new Response("", { headers: { "mcp-session-id": opening } });
      return answer(one) ?? new Response("ok");
    },
  });
  const made: Wire = {
    contacts,
    sent,
    meanwhile: () => {},
    async open(id, owner) {
      opening = id;
      await call(contacts, owner, home, { method: "POST" });
      opening = undefined;
      sent.length = 0;
    },
  };
  return made;
}

function call(
  contacts: UserAccess,
  context: UserContext,
  input: unknown = home,
  init?: unknown,
): Promise<Response> {
  return runWithUserContext(context, () => contacts.fetch(input as string, init as RequestInit));
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  const error: unknown = await work.then(
    () => "it went through",
    (cause: unknown) => cause,
  );
  return isHostedAgentIdentityError(error) ? error.code : error;
}

/** Answers each time it is asked with the next one, and then with the last. */
function inTurn<T>(...values: readonly T[]): () => T {
  let at = 0;
  return () => values[Math.min(at++, values.length - 1)] as T;
}

describe("the URL that was checked is the one that is sent", () => {
  test("when it is changed while a token is on its way", async () => {
    const url = new URL(home);
    const here = wire();
    here.meanwhile = () => void (url.href = evil);
    await call(here.contacts, contextFor(), url);
    expect(here.sent.map((one) => one.url)).toEqual([home]);
    expect(url.href).toBe(evil);
  });

  test.each<[string, () => unknown]>([
    ["its text changes", () => ({ toString: inTurn(home, evil) })],
    ["its href says otherwise than its text", () => ({ href: evil, toString: () => home })],
    ["it is a Request whose URL changes", () => new Lying(inTurn(home, evil))],
    [
      "it is a proxy",
      () =>
        new Proxy(new URL(home), {
          get: (target, name) => (name === "toString" ? inTurn(home, evil) : Reflect.get(target, name)),
        }),
    ],
  ])("when %s", async (_how, input) => {
    const { contacts, sent } = wire();
    await call(contacts, contextFor(), input());
    expect(sent.map(({ url }) => url)).toEqual([home]);
  });

  test.each<[string, () => unknown]>([
    ["its href says otherwise than its text", () => ({ href: home, toString: () => evil })],
    ["its text changes", () => ({ href: home, toString: inTurn(evil, home) })],
    ["it is a Request whose URL changes", () => new Lying(inTurn(evil, home))],
  ])("and is refused as it is sent, when %s", async (_how, input) => {
    const { contacts, sent } = wire();
    expect(await codeOf(call(contacts, contextFor(), input()))).toBe("url_not_allowed");
    expect(sent).toEqual([]);
  });

  test("as the check has read it, not as it was written", async () => {
    const { contacts, sent } = wire();
    await call(contacts, contextFor(), "HTTPS://CONTACTS.example.com:443/mcp/tools");
    expect(sent.map(({ url }) => url)).toEqual([`${home}/tools`]);
  });

  test("with the error that its own objects throw, which rejects", async () => {
    const { contacts } = wire();
    const broken = {
      toString: () => {
        throw new RangeError("no text");
      },
    };
    await expect(call(contacts, contextFor(), broken)).rejects.toThrow("no text");
  });
});

class Lying extends Request {
  readonly #url: () => string;
  constructor(url: () => string) {
    super(home);
    this.#url = url;
  }
  override get url(): string {
    return this.#url();
  }
}

test.each(["/mcp/%252e%252e/admin", "/mcp/..;/admin", "/mcp/.%09./admin", "/mcp/..%2fadmin"])(
  "a redirect to %s is not followed",
  async (location) => {
    const { contacts, sent } = wire(() => new Response(null, { status: 307, headers: { location } }));
    expect(await codeOf(call(contacts, contextFor()))).toBe("redirect_refused");
    expect(sent.map(({ url }) => url)).toEqual([home]);
  },
);

describe("a session that somebody else opened is refused, however it is named", () => {
  const pairs = (...list: [string, string][]): unknown => list;
  const joined = new Headers([
    ["mcp-session-id", "mine"],
    ["Mcp-Session-Id", "s1"],
  ]);

  test.each<[string, () => unknown]>([
    ["plainly", () => ({ "mcp-session-id": "s1" })],
    ["with white space before it", () => ({ "mcp-session-id": " s1" })],
    ["with white space behind it", () => ({ "mcp-session-id": "s1\t" })],
    ["with line ends around it", () => ({ "mcp-session-id": "\r\ns1\r\n" })],
    ["in another spelling", () => ({ "MCP-Session-ID": "s1" })],
    ["in the second of two spellings", () => ({ "mcp-session-id": "mine", "Mcp-Session-Id": "s1" })],
    ["in the first of two spellings", () => ({ "Mcp-Session-Id": "s1", "mcp-session-id": "mine" })],
    ["in the second of two pairs", () => pairs(["mcp-session-id", "mine"], ["Mcp-Session-Id", "s1 "])],
    ["joined with another", () => ({ "mcp-session-id": "mine,s1" })],
    ["in Headers with two values", () => joined],
    ["in a Map", () => new Map([["Mcp-Session-Id", "s1"]])],
    ["in Headers of another implementation", () => new OtherHeaders({ "mcp-session-id": "s1" })],
    [
      "by a getter",
      () => ({
        get "mcp-session-id"() {
          return "s1";
        },
      }),
    ],
    ["by an object with a text", () => ({ "mcp-session-id": { toString: () => "s1" } })],
    [
      "by a generator of pairs",
      () =>
        (function* () {
          yield ["mcp-session-id", "s1"];
        })(),
    ],
  ])("%s", async (_how, headers) => {
    const { contacts, sent, open } = wire();
    const [ada, grace] = [contextFor(), contextFor()];
    await open("s1", ada);
    for (const method of ["POST", "DELETE", "delete"])
      expect(await codeOf(call(contacts, grace, home, { method, headers: headers() }))).toBe(
        "shared_session",
      );
    expect(await codeOf(call(contacts, grace, new OtherRequest(home, { headers: headers() as never })))).toBe(
      "shared_session",
    );
    expect(sent).toEqual([]);
  });

  test("by a getter that would answer otherwise when it is sent: it is read once", async () => {
    const { contacts, sent, open } = wire();
    const [ada, grace] = [contextFor(), contextFor()];
    await open("s1", ada);
    const once = inTurn("mine", "s1");
    const headers = {
      get "mcp-session-id"() {
        return once();
      },
    };
    await call(contacts, grace, home, { method: "POST", headers });
    expect(sent[0]?.headers.get("mcp-session-id")).toBe("mine");
  });
});

describe("a session stays its owner's", () => {
  test.each([405, 500, 401])("when the server answers its DELETE with %i", async (status) => {
    const { contacts, open } = wire(({ init }) =>
      init.method === "DELETE" ? new Response(null, { status }) : undefined,
    );
    const [ada, grace] = [contextFor(), contextFor()];
    await open("s1", ada);
    const headers = { "mcp-session-id": "s1" };
    await call(contacts, ada, home, { method: "DELETE", headers }).catch(() => {});
    expect(await codeOf(call(contacts, grace, home, { method: "POST", headers }))).toBe("shared_session");
  });

  test.each([
    ["a DELETE that succeeds", "DELETE", 204],
    ["a DELETE that succeeds, in small letters", "delete", 200],
    ["a server that knows it no more", "POST", 404],
  ])("until %s", async (_what, method, status) => {
    const { contacts, open } = wire(({ init }) =>
      init.method === method.toUpperCase() ? new Response(null, { status }) : undefined,
    );
    const [ada, grace] = [contextFor(), contextFor()];
    await open("s1", ada);
    const headers = { "mcp-session-id": "s1" };
    await call(contacts, ada, home, { method, headers }).catch(() => {});
    expect(await codeOf(call(contacts, grace, home, { method: "PUT", headers }))).toBe("it went through");
  });
});

describe("headers keep their meaning", () => {
  const expected = { authorization: "ours", "x-one": "1", "x-two": "a, b" };
  test.each<[string, () => unknown]>([
    ["a record", () => ({ Authorization: "inbound", "X-One": " 1 ", "x-two": "a, b", Host: "evil.example" })],
    [
      "two spellings",
      () => ({ AUTHORIZATION: "x", authorization: "y", "X-One": 1, "x-two": "a", "X-Two": "b" }),
    ],
    [
      "pairs",
      () => [
        ["authorization", "inbound"],
        ["x-one", "1"],
        ["x-two", "a"],
        ["x-two", "b"],
        ["host", "e"],
      ],
    ],
    [
      "Headers",
      () =>
        new Headers([
          ["x-one", "1"],
          ["x-two", "a"],
          ["X-Two", "b"],
          ["authorization", "i"],
        ]),
    ],
    [
      "a Map",
      () =>
        new Map([
          ["X-One", "1"],
          ["x-two", "a, b"],
        ]),
    ],
    ["Headers of another implementation", () => new OtherHeaders({ "x-one": "1", "x-two": "a, b" })],
    [
      "a record without a prototype",
      () => Object.assign(Object.create(null), { "x-one": "1", "x-two": "a, b" }),
    ],
    ["a frozen record", () => Object.freeze({ "x-one": "1", "x-two": "a, b" })],
  ])("as %s", async (_form, headers) => {
    const { contacts, sent } = wire();
    const context = contextFor();
    await call(contacts, context, home, { headers: headers() });
    const seen = Object.fromEntries(sent[0]?.headers ?? []);
    expect(seen).toEqual({ ...expected, authorization: `Bearer token-of-${context.user?.oid}` });
  });

  test("a Request of another implementation, whole", async () => {
    const { contacts, sent } = wire();
    const request = new OtherRequest(`${home}/tools`, {
      method: "POST",
      headers: { "x-one": "1" },
      body: "payload",
    });
    await call(contacts, contextFor(), request);
    expect(sent[0]).toMatchObject({ url: `${home}/tools`, init: { method: "POST", duplex: "half" } });
    expect(sent[0]?.headers.get("x-one")).toBe("1");
    expect(await new Response(sent[0]?.init.body).text()).toBe("payload");
  });

  test("a Request given for the init, as fetch takes it", async () => {
    const { contacts, sent } = wire();
    const given = new Request(home, { method: "PUT", headers: { "x-one": "1" } });
    await call(contacts, contextFor(), home, given);
    expect(sent[0]?.init.method).toBe("PUT");
    expect(sent[0]?.headers.get("x-one")).toBe("1");
  });

  test("members of init that are undefined leave those of a Request alone, and others go on", async () => {
    const { contacts, sent } = wire();
    const request = new Request(home, { method: "POST", headers: { "x-one": "1" }, body: "payload" });
    const dispatcher = { dispatch: () => false };
    await call(contacts, contextFor(), request, { method: undefined, headers: undefined, dispatcher });
    expect(sent[0]).toMatchObject({ init: { method: "POST", dispatcher } });
    expect(sent[0]?.headers.get("x-one")).toBe("1");
  });

  test("also one that is called like what every object has", async () => {
    const { contacts, sent } = wire();
    await call(contacts, contextFor(), home, { headers: { constructor: "1", toString: "2", valueof: "3" } });
    const named = ["constructor", "tostring", "valueof"].map((name) => sent[0]?.headers.get(name));
    expect(named).toEqual(["1", "2", "3"]);
  });

  test("null is none", async () => {
    const { contacts, sent } = wire();
    const context = contextFor();
    await call(contacts, context, home, { headers: null });
    expect([...(sent[0]?.headers ?? [])]).toEqual([
      ["authorization", `Bearer token-of-${context.user?.oid}`],
    ]);
  });

  test("on a real socket", async () => {
    const seen: string[][] = [];
    const server = createServer((request, response) => {
      seen.push(request.rawHeaders);
      response.end("ok");
    });
    const host = await listening(server);
    const resource = protectedResource({
      url: `${host.url}/mcp`,
      serverLabel: "contacts",
      scopes: [`api://${mcpApp}/access_as_user`],
      audiences: [mcpApp],
    });
    const context = contextFor();
    const contacts = userAccess(resource, [fixedSource("good-token")]);
    const headers = [
      ["Host", "evil.example"],
      ["X-One", " 1\t"],
      ["x-one", "2"],
      ["AUTHORIZATION", "Bearer inbound"],
    ];
    await call(contacts, context, contacts.url, { headers });
    await host.close();
    const names = seen[0]?.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    expect(new Set(names).size).toBe(names?.length);
    const value = (name: string): string | undefined => seen[0]?.[(names?.indexOf(name) ?? -1) * 2 + 1];
    expect([value("host"), value("x-one"), value("authorization")]).toEqual([
      new URL(host.url).host,
      "1, 2",
      "Bearer good-token",
    ]);
  });
});

function fixedSource(token: string): TokenSource {
  return {
    kind: "test",
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: true,
    skip: () => undefined,
    acquire: async () => ({
      status: "token",
      token: { token, expiresAt: Date.now() + 3_600_000, source: "test" },
    }),
  };
}

describe("what no header can carry is not sent, and no error quotes it", () => {
  const secret = "eyJhbGciOi-secret";

  test.each<[string, unknown]>([
    ["a line end", { "x-api-key": `${secret}\nx: y` }],
    ["a zero byte", { "x-api-key": `${secret}\0` }],
    ["a character beyond Latin-1", { "x-api-key": `${secret}\u20ac` }],
    ["a name with white space", { [`mcp-session-id ${secret}`]: "1" }],
    ["a name of HTTP/2", { ":authority": secret }],
    ["a pair that is none", [[secret]]],
    ["a list of texts", [secret]],
  ])("%s", async (_what, headers) => {
    const { contacts, sent } = wire();
    const error: unknown = await call(contacts, contextFor(), home, { headers }).catch(
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ code: "invalid_option" });
    expect(String(error)).not.toContain(secret);
    expect(sent).toEqual([]);
  });

  test("a token", async () => {
    for (const bad of [`${secret}\n`, `${secret}\0x`, `${secret}\u20ac`, ""]) {
      const { contacts, sent } = wire(undefined, () => bad);
      for (const work of [call(contacts, contextFor()), contacts.token(contextFor())]) {
        const error: unknown = await work.catch((cause: unknown) => cause);
        expect(error).toMatchObject({ code: "entra_bad_response" });
        expect(String(error)).not.toContain(secret);
      }
      expect(sent).toEqual([]);
    }
  });
});
