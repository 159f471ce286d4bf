import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type IdentityEvent,
  protectedResource,
  runWithUserContext,
  type TokenRequest,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { contextFor, contextWithoutToken, mcpApp } from "../support/people.js";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

type Handler = (request: IncomingMessage, response: ServerResponse, seen: Seen) => void;

let origin: string;
let elsewhere: string;
let handler: Handler;
let asked: TokenRequest[];
const seen: Seen[] = [];
const seenElsewhere: Seen[] = [];
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  seen.length = 0;
  seenElsewhere.length = 0;
  asked = [];
  handler = (_request, response) => void response.end("ok");
  origin = await serve(seen, (request, response, one) => handler(request, response, one));
  elsewhere = await serve(seenElsewhere, (_request, response) => void response.end("caught"));
});
afterEach(() => Promise.all(closers.splice(0).map((close) => close())));

async function serve(log: Seen[], handle: Handler): Promise<string> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    const { authorization } = request.headers;
    const one = { method: request.method ?? "", path: request.url ?? "", authorization, body };
    log.push(one);
    handle(request, response, one);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A source whose tokens name their user, the try and what was asked for. */
function source(): TokenSource {
  return {
    kind: "test",
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: true,
    skip: ({ assertion }) =>
      assertion === undefined ? { reason: "no_user_token", detail: "none." } : undefined,
    acquire: async (request) => {
      asked.push(request);
      return {
        status: "token",
        token: {
          token: `${request.context.user?.oid}.${asked.length}`,
          expiresAt: Date.now() + 3_600_000,
          source: "test",
        },
      };
    },
  };
}

function access(options: UserAccessOptions = {}): UserAccess {
  const resource = protectedResource({
    url: `${origin}/mcp`,
    serverLabel: "contacts",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  return userAccess(resource, [source()], options);
}

function call(
  contacts: UserAccess,
  context: UserContext,
  init?: RequestInit,
  url: string | URL | Request = contacts.url,
): Promise<Response> {
  return runWithUserContext(context, () => contacts.fetch(url, init));
}

async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "it went through",
    (cause: { code?: string; message: string }) => cause.code ?? cause.message,
  );
}

describe("where the user's token goes", () => {
  it("goes to the resource, as the user of the current context", async () => {
    const contacts = access();
    const [ada, grace] = [contextFor(), contextFor()];
    await Promise.all([call(contacts, ada), call(contacts, grace)]);
    const sent = seen.map(({ authorization }) => authorization?.split(".")[0]).sort();
    expect(sent).toEqual([`Bearer ${ada.user?.oid}`, `Bearer ${grace.user?.oid}`].sort());
  });

  it.each<[string, RequestInit["headers"]]>([
    ["a plain object", { Authorization: "Bearer inbound", "x-other": "kept" }],
    ["Headers", new Headers({ authorization: "Bearer inbound", "x-other": "kept" })],
    [
      "pairs",
      [
        ["AUTHORIZATION", "Bearer inbound"],
        ["x-other", "kept"],
      ],
    ],
  ])("replaces a static Authorization in %s", async (_form, headers) => {
    const context = contextFor();
    await call(access(), context, { headers });
    expect(seen[0]?.authorization).toBe(`Bearer ${context.user?.oid}.1`);
  });

  it("replaces the Authorization of a Request and keeps its body", async () => {
    const contacts = access();
    const context = contextFor();
    const request = new Request(contacts.url, {
      method: "POST",
      body: "payload",
      headers: { authorization: "Bearer inbound" },
    });
    await call(contacts, context, undefined, request);
    expect(seen[0]).toMatchObject({
      method: "POST",
      body: "payload",
      authorization: `Bearer ${context.user?.oid}.1`,
    });
  });

  it.each(["/mcp-evil", "/", "/mcp/..%2fadmin"])("does not go to %s beside the resource", async (path) => {
    expect(await code(call(access(), contextFor(), {}, `${origin}${path}`))).toBe("url_not_allowed");
    expect(seen).toEqual([]);
  });

  it("does not go to another origin, which the error does not quote in full", async () => {
    const contacts = access();
    const work = call(contacts, contextFor(), {}, `${elsewhere}/mcp?secret=1`);
    await expect(work).rejects.toThrow(/outside the resource/);
    await expect(work).rejects.not.toThrow(/secret/);
    expect(seenElsewhere).toEqual([]);
  });

  it("goes nowhere without a user", async () => {
    const contacts = access();
    expect(await code(contacts.fetch(contacts.url))).toBe("no_user_context");
    expect(await code(call(contacts, contextWithoutToken()))).toBe("no_token");
    expect(seen).toEqual([]);
  });

  it("goes nowhere once the turn has ended, not even from a timer", async () => {
    const contacts = access();
    const context = contextFor();
    await call(contacts, context);
    const late = new Promise<string>((resolve) => {
      runWithUserContext(context, () =>
        setTimeout(() => void code(contacts.fetch(contacts.url)).then(resolve), 20),
      );
    });
    context.end();
    expect(await late).toBe("context_ended");
    expect(seen).toHaveLength(1);
  });

  it("acts as one user wherever it is called when bound with as()", async () => {
    const context = contextFor();
    const contacts = access();
    await contacts.as(context).fetch(contacts.url);
    expect(seen[0]?.authorization).toContain(context.user?.oid);
  });
});

describe("redirects", () => {
  const redirect = (status: number, to: () => string) => {
    handler = (request, response) => {
      if (request.url === "/mcp") response.writeHead(status, { location: to() }).end();
      else response.end("arrived");
    };
  };

  it.each([307, 308])("keep the token with %i inside the resource", async (status) => {
    redirect(status, () => "/mcp/v2");
    const response = await call(access(), contextFor(), { method: "POST", body: "b" });
    expect(await response.text()).toBe("arrived");
    expect(seen[1]).toMatchObject({ method: "POST", path: "/mcp/v2", body: "b" });
    expect(seen[1]?.authorization).toBe(seen[0]?.authorization);
  });

  it.each([
    [307, "another origin", () => `${elsewhere}/mcp`],
    [307, "a path beside the resource", () => "/mcp-evil"],
    [301, "inside, but with a status that may change the method", () => "/mcp/v2"],
    [303, "inside, but as a GET", () => "/mcp/v2"],
    [308, "something that is no URL", () => "http://["],
  ])("with %i to %s are refused and nothing is sent", async (status, _where, to) => {
    redirect(status, to);
    expect(await code(call(access(), contextFor(), { method: "POST", body: "b" }))).toBe("redirect_refused");
    expect(seen).toHaveLength(1);
    expect(seenElsewhere).toEqual([]);
  });

  it.each([
    [
      307,
      () => `${elsewhere}/login?code=SECRET#SECRET`,
      () => `redirected to "${elsewhere}", where its token`,
    ],
    [
      302,
      () => "https://user:SECRET@login.example/a?b=SECRET",
      () => 'redirected to "https://login.example", where',
    ],
    [307, () => "/other?SECRET", () => `redirected to another path of "${origin}", where its token`],
    [302, () => "/mcp/v2?SECRET", () => `redirected to another path of "${origin}" with 302`],
    [307, () => "data:text/plain,SECRET", () => 'redirected to "data:", where its token'],
    [307, () => "http://[SECRET", () => "redirected to an unreadable URL, where its token"],
  ])("with %i say where to, and no more than the origin", async (status, to, says) => {
    redirect(status, to);
    const failure = await call(access(), contextFor(), { method: "POST", body: "b" }).catch((error) => error);
    expect(failure).toMatchObject({ code: "redirect_refused", message: expect.stringContaining(says()) });
    expect(`${failure.message} ${failure.help}`).not.toContain("SECRET");
  });

  it("that never end are refused", async () => {
    handler = (_request, response) => void response.writeHead(307, { location: "/mcp/again" }).end();
    expect(await code(call(access(), contextFor()))).toBe("redirect_refused");
    expect(seen.length).toBeLessThan(10);
  });

  it("are left to a transport that asks for them, whose next call is checked again", async () => {
    redirect(307, () => `${elsewhere}/mcp`);
    const contacts = access();
    const response = await call(contacts, contextFor(), { redirect: "manual" });
    expect(response.status).toBe(307);
    expect(await code(call(contacts, contextFor(), {}, response.headers.get("location") ?? ""))).toBe(
      "url_not_allowed",
    );
  });
});

const strong = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';

describe("a 401 of the resource", () => {
  const unauthorized = (times: number, challenge = 'Bearer error="invalid_token"') => {
    let left = times;
    handler = (_request, response) => {
      if (left-- > 0) response.writeHead(401, { "www-authenticate": challenge }).end();
      else response.end("ok");
    };
  };

  it("costs that one token and one resend, body included", async () => {
    unauthorized(1);
    const response = await call(access(), contextFor(), { method: "POST", body: "again" });
    expect(response.status).toBe(200);
    expect(seen.map(({ body }) => body)).toEqual(["again", "again"]);
    expect(new Set(seen.map(({ authorization }) => authorization)).size).toBe(2);
  });

  it("drops nobody else's token", async () => {
    const contacts = access();
    const [ada, grace] = [contextFor(), contextFor()];
    await call(contacts, ada);
    await call(contacts, grace);
    unauthorized(1);
    await call(contacts, ada);
    await call(contacts, grace);
    expect(asked).toHaveLength(3);
  });

  it("for ever ends in an error after two requests", async () => {
    unauthorized(1_000);
    expect(await code(call(access(), contextFor()))).toBe("resource_unauthorized");
    expect(seen).toHaveLength(2);
  });

  const streamed = (): ReadableStream =>
    new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode("once"));
        controller.close();
      },
    });
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode("once");
  }
  const form = new FormData();
  form.set("name", "value");

  it.each<[string, RequestInit["body"]]>([
    ["a text", "body"],
    ["bytes", new TextEncoder().encode("body")],
    ["a buffer", new TextEncoder().encode("body").buffer],
    ["a form of pairs", new URLSearchParams({ name: "value" })],
    ["a form of parts", form],
    ["a blob", new Blob(["body"])],
    ["nothing", null],
  ])("sends %s a second time, and all of it", async (_what, body) => {
    unauthorized(1);
    const response = await call(access(), contextFor(), { method: "POST", body } as RequestInit);
    expect(response.status).toBe(200);
    const [first, second] = seen.map((one) => one.body.replace(/-+formdata-[\w-]+/g, "boundary"));
    expect(second).toBe(first);
    expect(first === "").toBe(body === null);
  });

  it.each<[string, (url: URL) => [RequestInit | undefined, (URL | Request)?]]>([
    ["a stream", () => [{ method: "POST", body: streamed(), duplex: "half" } as RequestInit]],
    ["a generator", () => [{ method: "POST", body: pieces(), duplex: "half" } as unknown as RequestInit]],
    ["a Request with a body", (url) => [undefined, new Request(url, { method: "POST", body: "once" })]],
  ])("is handed to the caller when the body is %s, which is gone once it was read", async (_what, of) => {
    unauthorized(1);
    const contacts = access();
    const [init, input] = of(contacts.url);
    const context = contextFor();
    const response = await call(contacts, context, init, input);
    expect([response.status, seen.length, asked.length]).toEqual([401, 1, 1]);
    // The token is dropped all the same.
    expect((await call(contacts, context)).status).toBe(200);
    expect(asked).toHaveLength(2);
  });

  it("tells sources that keep tokens which one is not to be given again, unless it lacks a context only", async () => {
    const forgotten: (string | undefined)[] = [];
    const keeping = {
      ...source(),
      forget: (_principal: string, token?: string) => void forgotten.push(token),
    };
    const revoked = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
    for (const demand of [strong, revoked]) {
      unauthorized(1, `Bearer claims="${Buffer.from(demand).toString("base64")}"`);
      const contacts = userAccess(access().resource, [keeping]);
      const context = contextFor();
      const { token } = await contacts.token(context);
      await call(contacts, context);
      expect(forgotten.splice(0)).toEqual(demand === revoked ? [token] : []);
    }
  });

  it("with a claims challenge asks for a token that meets it", async () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
    unauthorized(1, `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`);
    const contacts = access();
    const context = contextFor();
    await call(contacts, context);
    expect(asked.map((request) => request.claims)).toEqual([undefined, claims]);
    await call(contacts, context);
    expect(asked).toHaveLength(2);
    expect(seen[2]?.authorization).toBe(seen[1]?.authorization);
  });

  it("is read, too, where a gateway has renamed its header, and a bare one is told apart", async () => {
    const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
    const challenge = `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`;
    let headers: Record<string, string> = { "x-amzn-remapped-www-authenticate": challenge };
    handler = (request, response) => {
      const first =
        seen.filter(({ authorization }) => authorization === request.headers.authorization).length === 1;
      response.writeHead(first && asked.length === 1 ? 401 : 200, headers).end();
    };
    await call(access(), contextFor());
    expect(asked.map((request) => request.claims)).toEqual([undefined, claims]);

    headers = {};
    handler = (_request, response) => void response.writeHead(401, headers).end();
    const bare = await call(access(), contextFor()).catch((error) => error);
    expect(bare).toMatchObject({
      code: "resource_unauthorized",
      help: expect.stringContaining("WWW-Authenticate"),
    });
    headers = { "www-authenticate": 'Bearer error="invalid_token"' };
    const said = await call(access(), contextFor()).catch((error) => error);
    expect(said).toMatchObject({ help: expect.not.stringContaining("WWW-Authenticate") });
  });

  it.each([
    ["with 401", 401, `claims="${Buffer.from(strong).toString("base64url")}"`],
    [
      "with 403, as Microsoft.Identity.Web does",
      403,
      `consentUri="https://x", claims="${strong}", scopes="a,b"`,
    ],
    ["as a tenant's context (RFC 9470)", 401, 'error="insufficient_user_authentication", acr_values="c1"'],
  ])("with a demand %s gets a token that meets it", async (_form, status, parameters) => {
    let first = true;
    handler = (_request, response) => {
      response
        .writeHead(first ? status : 200, first ? { "www-authenticate": `Bearer ${parameters}` } : {})
        .end();
      first = false;
    };
    expect((await call(access(), contextFor())).status).toBe(200);
    expect(asked.map(({ claims }) => claims)).toEqual([undefined, strong]);
    expect(asked[1]?.scopes).toEqual([`api://${mcpApp}/access_as_user`]);
  });

  it("with a demand on the sign-in that no exchange can meet names it for whoever can ask the person", async () => {
    unauthorized(
      1_000,
      'Bearer error="insufficient_user_authentication", acr_values="gold silver", max_age="60"',
    );
    const error = await call(access(), contextFor()).catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: "step_up_required",
      category: "stepup",
      authentication: { acrValues: ["gold", "silver"], maxAgeS: 60 },
    });
    expect(JSON.stringify(error)).not.toContain("gold");
    expect(seen).toHaveLength(2);
  });

  it("never sends the token or a request to a place the challenge names", async () => {
    unauthorized(
      1,
      `Bearer resource_metadata="${elsewhere}/.well-known/oauth-protected-resource", authorization_uri="${elsewhere}/authorize", consentUri="${elsewhere}/consent"`,
    );
    await call(access(), contextFor());
    expect(seenElsewhere).toEqual([]);
  });
});

describe("a 403 with insufficient_scope", () => {
  const wants = (scope: string, times = 1) => {
    let left = times;
    handler = (_request, response) => {
      if (left-- > 0)
        response
          .writeHead(403, { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` })
          .end();
      else response.end("ok");
    };
  };

  it("asks once for the union of scopes", async () => {
    wants("contacts.write");
    const response = await call(access(), contextFor());
    expect(response.status).toBe(200);
    expect(asked[1]?.scopes).toEqual([`api://${mcpApp}/access_as_user`, `api://${mcpApp}/contacts.write`]);
  });

  it.each([
    ["a scope of another resource", "https://graph.microsoft.com/Mail.Read"],
    ["nothing new", "access_as_user"],
    ["a scope of more than 512 characters", "x".repeat(470)],
  ])("is an error when it names %s", async (_what, scope) => {
    wants(scope);
    expect(await code(call(access(), contextFor()))).toBe("insufficient_scope");
    expect(asked).toHaveLength(1);
  });

  it("for ever ends in an error after two requests", async () => {
    wants("contacts.write", 1_000);
    expect(await code(call(access(), contextFor()))).toBe("insufficient_scope");
    expect(seen).toHaveLength(2);
  });

  it("without that error is the caller's to read", async () => {
    handler = (_request, response) => void response.writeHead(403).end("no");
    expect((await call(access(), contextFor())).status).toBe(403);
    expect(seen).toHaveLength(1);
  });
});

describe("what a shared client could mix up", () => {
  it("a session that one user opened is refused to another, and free again once ended", async () => {
    handler = (_request, response) => void response.writeHead(200, { "mcp-session-id": "session-1" }).end();
    const contacts = access();
    const [ada, grace] = [contextFor(), contextFor()];
    await call(contacts, ada, { method: "POST" });
    const inSession = { method: "POST", headers: { "mcp-session-id": "session-1" } };
    expect((await call(contacts, ada, inSession)).status).toBe(200);
    expect(await code(call(contacts, grace, inSession))).toBe("shared_session");
    expect(seen).toHaveLength(2);
    await call(contacts, ada, { ...inSession, method: "DELETE" });
  });

  it("is the developer's choice with sharedSessions: allow", async () => {
    handler = (_request, response) => void response.writeHead(200, { "mcp-session-id": "session-2" }).end();
    const contacts = access({ sharedSessions: "allow" });
    await call(contacts, contextFor(), { method: "POST" });
    expect(
      (await call(contacts, contextFor(), { method: "POST", headers: { "mcp-session-id": "session-2" } }))
        .status,
    ).toBe(200);
  });

  it("the standalone stream is refused with an error and an event, a resumption and a plain GET go through", async () => {
    const told: IdentityEvent[] = [];
    const contacts = access({ onEvent: (event) => void told.push(event) });
    const context = contextFor();
    const accept = { accept: "text/event-stream" };
    await expect(call(contacts, context, { headers: accept })).rejects.toMatchObject({
      code: "standalone_stream_refused",
      help: expect.stringContaining("mcpClientPool()") as string,
    });
    expect(told).toContainEqual({ type: "standalone_stream_refused", serverLabel: "contacts" });
    expect(seen).toEqual([]);
    expect((await call(contacts, context, { headers: { ...accept, "last-event-id": "7" } })).status).toBe(
      200,
    );
    expect((await call(contacts, context)).status).toBe(200);
    expect(
      (await call(access({ standaloneStream: "allow" }), contextFor(), { headers: accept })).status,
    ).toBe(200);
  });

  it("whoever asks for no such stream has the 405 of a server without one, and is not told", async () => {
    const told: IdentityEvent[] = [];
    const contacts = access({ standaloneStream: "refuse", onEvent: (event) => void told.push(event) });
    const response = await call(contacts, contextFor(), { headers: { accept: "text/event-stream" } });
    expect(response.status).toBe(405);
    expect([seen, told]).toEqual([[], []]);
  });

  it("subscriptions/listen is refused the same way", async () => {
    const init = {
      method: "POST",
      headers: { "Mcp-Method": "subscriptions/listen" },
      body: '{"jsonrpc":"2.0","id":5,"method":"subscriptions/listen"}',
    };
    const response = await call(access(), contextFor(), init);
    expect(await response.json()).toMatchObject({
      id: 5,
      error: { code: -32601, message: expect.stringContaining("mcpClientPool()") as string },
    });
    expect(seen).toEqual([]);
  });
});

describe("the credential for Azure SDK clients", () => {
  it("is bound to the principal it was made for", async () => {
    const contacts = access();
    const [ada, grace] = [contextFor(), contextFor()];
    const credential = runWithUserContext(ada, () => contacts.tokenCredential());
    const scope = `api://${mcpApp}/.default`;
    const { token } = await runWithUserContext(ada, () => credential.getToken(scope));
    expect(token).toContain(ada.user?.oid);
    expect(await code(runWithUserContext(grace, () => credential.getToken(scope)))).toBe("wrong_user");
    expect(await code(credential.getToken("https://vault.azure.net/.default"))).toBe("invalid_option");
  });

  it("is not made for nobody", () => {
    expect(() => access().tokenCredential(contextWithoutToken())).toThrow(/names none/);
    expect(() => access().tokenCredential()).toThrow(/no user context/);
  });
});
