import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { decodeJwt } from "jose";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createBackEnd } from "../../examples/backend/app.js";
import { pageApp } from "../../examples/backend/page.js";
import { loopbackMsal } from "../../examples/chat/loopback-msal.js";
import { createVisitor, formsOf, type PageAt, type Visitor } from "../../examples/chat/visitor.js";

const chatSecret = "chat-secret-for-this-test";
const folder = fileURLToPath(new URL("../../examples/chat/page/", import.meta.url));

let entra: EntraEmulator;
let agent: Server;
let back: Server;
let origin: string;
let visitor: Visitor;
/** What the agent got, and what it answers. */
let got: { headers: IncomingHttpHeaders; body: Record<string, unknown> }[];
let answer: (res: ServerResponse) => void;

beforeAll(async () => {
  back = await listening(createServer());
  origin = `http://localhost:${portOf(back)}`;
  agent = await listening(
    createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on("data", (chunk: Buffer) => chunks.push(chunk));
      req.on("end", () => {
        got.push({ headers: req.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
        answer(res);
      });
    }),
  );
  const preAuthorized = (scope: string) => [{ client: "chat", scopes: [scope] }];
  entra = await startEntra({
    users: [{ name: "Ada" }],
    apps: [
      { name: "chat", secrets: [chatSecret], redirectUris: [`${origin}/auth/callback`] },
      { name: "agent", scopes: ["access_as_user"], preAuthorized: preAuthorized("access_as_user") },
      {
        name: "foundry",
        identifierUris: ["https://ai.azure.com"],
        scopes: ["user_impersonation"],
        accessTokenVersion: 1,
        preAuthorized: preAuthorized("user_impersonation"),
      },
    ],
  });
  const backEnd = createBackEnd({
    ...loopbackMsal({
      origin: entra.origin,
      tenantId: entra.tenants[0]?.id ?? "",
      clientId: entra.app("chat").clientId,
      clientSecret: chatSecret,
      fetch,
    }),
    origin,
    redirectUri: `${origin}/auth/callback`,
    agentScope: `api://${entra.app("agent").clientId}/access_as_user`,
    agentEndpoint: `http://127.0.0.1:${portOf(agent)}/responses`,
  });
  back.on("request", pageApp({ origin, folder, routers: [backEnd.router] }));
});
afterAll(async () => {
  await entra?.close();
  for (const server of [agent, back]) {
    server?.closeAllConnections();
    server?.close();
  }
});
beforeEach(() => {
  got = [];
  answer = sends([{ type: "response.completed", response: { id: "r1", status: "completed" } }]);
  visitor = createVisitor();
});
afterEach(() => entra.policies.clear());

describe("the calling side", () => {
  test("sends Foundry's token to Foundry's header and the person's token beside it", async () => {
    await signIn();
    await ask("Hello", "caresp_1");
    const [{ headers, body } = { headers: {}, body: {} }] = got;
    const foundry = decodeJwt((headers.authorization ?? "").replace("Bearer ", ""));
    const person = decodeJwt(String(headers["x-client-user-token"]));
    expect(foundry.aud).toBe("https://ai.azure.com");
    expect(person.aud).toBe(entra.app("agent").clientId);
    for (const token of [foundry, person]) expect(token["oid"]).toBe(entra.user("Ada").oid);
    expect(body).toEqual({ input: "Hello", stream: true, previous_response_id: "caresp_1" });
  });

  test("answers a 401 with a new sign-in that meets the agent's claims", async () => {
    await signIn();
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    answer = (res) => {
      const encoded = Buffer.from(claims).toString("base64");
      res.writeHead(401, {
        "www-authenticate": `Bearer realm="", error="insufficient_claims", claims="${encoded}"`,
      });
      res.end();
    };
    const { events, text } = await ask("Hello");
    expect(events).toEqual([{ type: "sign_in" }]);
    expect(text).not.toContain("acrs");
    const response = await visitor.script(`${origin}/auth/sign-in`, {});
    const asked = new URL(response.headers.get("location") ?? "").searchParams.get("claims") ?? "{}";
    expect(JSON.parse(asked)).toMatchObject(JSON.parse(claims));
  });

  test("passes on a consent request, and no link a browser would run", async () => {
    await signIn();
    const item = (consent_link: string) => ({
      type: "oauth_consent_request",
      server_label: "contacts",
      consent_link,
    });
    const output = [
      item("https://login.microsoftonline.com/consent"),
      item("javascript:alert(1)"),
      item("https://user:pass@login.microsoftonline.com/"),
      item("http://evil.example/"),
    ];
    answer = sends([{ type: "response.incomplete", response: { id: "r1", status: "incomplete", output } }]);
    expect((await ask("Hello")).events).toEqual([
      { type: "consent", link: output[0]?.consent_link, serverLabel: "contacts", responseId: "r1" },
      { type: "done", status: "incomplete", responseId: "r1" },
    ]);
  });

  test("redeems no code of a sign-in it did not start", async () => {
    const own = await visitor.script(`${origin}/auth/sign-in`, {});
    expect(own.status).toBe(302);
    const before = entra.requests.length;
    const response = await visitor.script(`${origin}/auth/callback?code=abc&state=somebody-elses`, {});
    expect(response.headers.get("location")).toBe("/?problem=sign-in");
    expect(entra.requests.length).toBe(before);
    expect(await me()).toBeUndefined();
  });

  test("takes a sign-in's answer once", async () => {
    const page = await pickAda(await visitor.visit(`${origin}/auth/sign-in`), { stop: true });
    const once = await visitor.script(page.url, {});
    const twice = await visitor.script(page.url, {});
    expect([once, twice].map(({ headers }) => headers.get("location"))).toEqual(["/", "/?problem=sign-in"]);
  });

  test("gives the session a new id at sign-in", async () => {
    const before = await visitor.script(`${origin}/auth/sign-in`, {});
    const [cookie = ""] = before.headers.getSetCookie();
    expect(cookie).toMatch(/^chat_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    await signIn();
    const [planted = ""] = cookie.split(";");
    const response = await fetch(`${origin}/api/me`, { headers: { cookie: planted } });
    expect(((await response.json()) as { user?: unknown }).user).toBeUndefined();
  });

  test("does nothing for another site's page", async () => {
    await signIn();
    for (const headers of [
      new Headers(),
      new Headers({ origin: "https://evil.example" }),
      new Headers({ origin: "null" }),
    ]) {
      for (const path of ["/api/chat", "/auth/sign-out"]) {
        const response = await visitor.script(`${origin}${path}`, { method: "POST", headers, body: "{}" });
        expect(response.status).toBe(403);
      }
    }
    expect(got).toEqual([]);
    expect(await me()).toMatchObject({ name: "Ada" });
    expect((await fetch(`http://127.0.0.1:${portOf(back)}/api/me`)).status).toBe(421);
  });

  test("leaves nothing of the way back from consent in the address bar", async () => {
    for (const [query, path] of [
      ["code=abc&state=s", "/consent/returned"],
      ["error=access_denied&state=s", "/consent/refused"],
    ]) {
      const { url, status } = await visitor.visit(`${origin}/consent?${query}`);
      expect([url.href, status]).toEqual([`${origin}${path}`, 200]);
    }
  });

  test("takes the person's token nowhere else", async () => {
    await signIn();
    answer = (res) => void res.writeHead(307, { location: "/elsewhere" }).end();
    expect((await ask("Hello")).events).toMatchObject([{ type: "error" }]);
    expect(got.length).toBe(1);
  });

  test("shows no token, also when the agent is not there", async () => {
    await signIn();
    answer = (res) => res.destroy();
    const { events, text } = await ask("Hello");
    expect(events).toEqual([{ type: "error", message: expect.stringContaining("cannot be reached") }]);
    expect(text).not.toContain("eyJ");
    expect(JSON.stringify(await me())).not.toContain("eyJ");
  });
});

async function signIn(): Promise<void> {
  await pickAda(await visitor.visit(`${origin}/auth/sign-in`));
  expect(await me()).toMatchObject({ oid: entra.user("Ada").oid, name: "Ada" });
}

/** Picks the account on Entra's page. `stop` ends before our callback and gives its address. */
async function pickAda(page: PageAt, { stop = false } = {}): Promise<PageAt> {
  const choice = formsOf(page.html)
    .flatMap((form) => form.buttons.map((button) => ({ form, button })))
    .find(({ button }) => button.text.includes("Ada"));
  if (choice === undefined) throw new Error("Entra's page offers no account.");
  const { form, button } = choice;
  const filled = button.name === "" ? {} : { [button.name]: button.value };
  if (!stop) return visitor.submit(page, form, filled);
  const response = await visitor.script(new URL(form.action, page.url), {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin: page.url.origin },
    body: new URLSearchParams({ ...form.fields, ...filled }).toString(),
  });
  return { ...page, url: new URL(response.headers.get("location") ?? "", page.url) };
}

async function me(): Promise<unknown> {
  const response = await visitor.script(`${origin}/api/me`, {});
  return ((await response.json()) as { user?: unknown }).user;
}

async function ask(input: string, previousResponseId?: string): Promise<{ events: unknown[]; text: string }> {
  const response = await visitor.script(`${origin}/api/chat`, {
    method: "POST",
    headers: { "content-type": "application/json", origin },
    body: JSON.stringify({ input, previousResponseId }),
  });
  const text = await response.text();
  const events = text.split("\n\n").filter(Boolean);
  return { text, events: events.map((event) => JSON.parse(event.slice("data: ".length)) as unknown) };
}

function sends(events: readonly { type: string; response: object }[]) {
  return (res: ServerResponse): void => {
    res.writeHead(200, { "content-type": "text/event-stream" });
    for (const event of events) res.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    res.end();
  };
}

async function listening(server: Server): Promise<Server> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
