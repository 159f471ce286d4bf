import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { startEntra, type EntraEmulator, type UserTokenRequest } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startContactsServer, type ContactsServer } from "../../examples/chat/mcp-server.js";

let entra: EntraEmulator;
let contacts: ContactsServer;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "contacts", scopes: ["Contacts.Access", "Other"] },
      { name: "agent", scopes: ["access_as_user"] },
    ],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("contacts").clientId,
    scope: "Contacts.Access",
    people: [
      { oid: entra.user("Ada").oid, role: "editor", contacts: ["Charles"] },
      { oid: entra.user("Grace").oid, role: "reader", contacts: ["Howard"] },
    ],
  });
});
afterAll(async () => {
  await contacts?.close();
  await entra?.close();
});

function tokenOf(user: string, over: Partial<UserTokenRequest> = {}): Promise<string> {
  return entra.issueUserToken({
    user,
    app: "contacts",
    client: "agent",
    scopes: ["Contacts.Access"],
    ...over,
  });
}

function post(token?: string): Promise<Response> {
  return fetch(contacts.url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
}

describe("the demo's MCP server", () => {
  test("names its metadata to whoever comes without a token", async () => {
    const response = await post();
    expect(response.status).toBe(401);
    const url = /resource_metadata="([^"]+)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1] ?? "";
    const metadata = await (await fetch(url)).json();
    expect(metadata).toMatchObject({
      resource: contacts.url,
      authorization_servers: [`${entra.origin}/${entra.tenants[0]?.id}/v2.0`],
      scopes_supported: [`api://${entra.app("contacts").clientId}/Contacts.Access`],
    });
  });

  const refused: readonly [string, () => Promise<string>, number][] = [
    ["for another audience", () => tokenOf("Ada", { app: "agent", scopes: ["access_as_user"] }), 401],
    ["that has expired", () => tokenOf("Ada", { expiresInS: -60 }), 401],
    ["signed with a key that is not published", () => tokenOf("Ada", { key: "unknown" }), 401],
    ["of version 1", () => tokenOf("Ada", { version: 1 }), 401],
    ["of an application", () => entra.issueAppToken({ app: "contacts", client: "agent" }), 401],
    ["without the scope", () => tokenOf("Ada", { scopes: ["Other"] }), 403],
    ["that is none", () => Promise.resolve("not.a.token"), 401],
  ];
  for (const [what, token, status] of refused) {
    test(`refuses a token ${what}`, async () => {
      const before = contacts.verified.length;
      expect((await post(await token())).status).toBe(status);
      expect(contacts.verified.length).toBe(before);
    });
  }

  test("gives each person their own contacts and refuses what only editors may do", async () => {
    const [ada, grace] = await Promise.all(["Ada", "Grace"].map((user) => tokenOf(user)));
    const call = async (token: string | undefined, name: string, args = {}) => {
      const client = new Client({ name: "test", version: "1.0.0" }, { versionNegotiation: { mode: "auto" } });
      const requestInit = { headers: { authorization: `Bearer ${token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(contacts.url), { requestInit }));
      try {
        return await client.callTool({ name, arguments: args });
      } finally {
        await client.close();
      }
    };
    expect((await call(ada, "my_contacts")).structuredContent).toEqual({
      owner: "Ada",
      contacts: ["Charles"],
    });
    expect((await call(grace, "my_contacts")).structuredContent).toEqual({
      owner: "Grace",
      contacts: ["Howard"],
    });
    expect((await call(grace, "delete_contact", { name: "Howard" })).isError).toBe(true);
    expect((await call(grace, "my_contacts")).structuredContent).toMatchObject({ contacts: ["Howard"] });
    expect((await call(ada, "delete_contact", { name: "charles" })).structuredContent).toEqual({
      deleted: "Charles",
      left: [],
    });
    const last = contacts.verified.at(-1);
    expect(last).toMatchObject({
      oid: entra.user("Ada").oid,
      name: "Ada",
      azp: entra.app("agent").clientId,
      aud: entra.app("contacts").clientId,
      scp: "Contacts.Access",
      call: "tools/call delete_contact",
    });
    expect(JSON.stringify(contacts.verified)).not.toContain(ada?.split(".")[2]);
  });

  test("serves clients of the earlier protocol too", async () => {
    const client = new ClientV1({ name: "test", version: "1.0.0" });
    const requestInit = { headers: { authorization: `Bearer ${await tokenOf("Grace")}` } };
    await client.connect(new TransportV1(new URL(contacts.url), { requestInit }));
    const { structuredContent } = await client.callTool({ name: "whoami", arguments: {} });
    await client.close();
    expect(structuredContent).toEqual({ oid: entra.user("Grace").oid, name: "Grace", role: "reader" });
  });
});
