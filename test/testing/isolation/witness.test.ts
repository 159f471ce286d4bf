import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EntraEmulator, startEntra, startWitness, type Witness } from "hosted-agent-identity/testing";
import { openClient, type ClientKind } from "../../support/mcp-clients.js";

let entra: EntraEmulator;
let witness: Witness;

beforeAll(async () => {
  entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"] },
      { name: "contacts", scopes: ["read", "write"] },
    ],
    users: [{ name: "Ada" }, { name: "Bob" }],
  });
  witness = await startWitness({ entra, app: "contacts", tools: ["whoami", "my_contacts"] });
});

afterAll(async () => {
  await witness.close();
  await witness.close();
  await entra.close();
});

const bearing =
  (token: string): typeof fetch =>
  (url, init) => {
    const headers = new Headers(init?.headers);
    headers.set("authorization", `Bearer ${token}`);
    return fetch(url, { ...init, headers });
  };

const tokenOf = (user: string): Promise<string> => entra.issueUserToken({ user, app: "contacts" });

test("names itself as protectedResource() wants it", () => {
  const { clientId } = entra.app("contacts");
  expect(witness.resource).toEqual({
    url: witness.url,
    serverLabel: "contacts",
    scopes: [`api://${clientId}/read`, `api://${clientId}/write`],
    audiences: [clientId, `api://${clientId}`],
  });
});

test.each<ClientKind>(["v1", "v2-legacy"])("serves SDK client %s as the token's person", async (kind) => {
  const client = await openClient(kind, witness.url, {
    fetch: bearing(await tokenOf("Ada")),
  });
  const listed = await client.listTools();
  expect(listed.tools.map(({ name }) => name)).toEqual(["whoami", "my_contacts"]);
  const results = [];
  for (const name of ["whoami", "my_contacts"]) {
    const nonce = "question-0123456789abcdef";
    results.push(await client.callTool({ name, arguments: { deep: [{ question: `Hm? (${nonce})` }] } }));
  }
  const seen = witness.calls.filter(({ method }) => method === "tools/call").slice(-2);
  const { oid } = entra.user("Ada");
  expect(seen).toEqual(
    results.map((_, n) => ({
      method: "tools/call",
      token: "person",
      oid,
      sessionOf: oid,
      nonces: ["question-0123456789abcdef"],
      receipt: seen[n]?.receipt,
    })),
  );
  expect(results.map(({ structuredContent }) => structuredContent)).toEqual([
    { oid, name: "Ada", tool: "whoami", receipt: seen[0]?.receipt },
    { oid, name: "Ada", tool: "my_contacts", receipt: seen[1]?.receipt },
  ]);
  await expect(client.callTool({ name: "other" })).rejects.toThrow("startWitness()");
  await client.close();
});

describe("of a token it says", () => {
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18" },
  };
  const call = async (headers: Record<string, string>): Promise<[number, unknown]> => {
    const response = await fetch(witness.url, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(initialize),
    });
    await response.body?.cancel();
    const { token, oid } = witness.calls.at(-1) ?? {};
    return [response.status, [token, oid]];
  };
  const ada = (): string => entra.user("Ada").oid;

  test.each<[string, () => Promise<string | undefined>, number, string, boolean]>([
    ["none", async () => undefined, 401, "none", false],
    ["a good one", () => tokenOf("Ada"), 200, "person", true],
    [
      "version 1",
      () => entra.issueUserToken({ user: "Ada", app: "contacts", version: 1 }),
      200,
      "person",
      true,
    ],
    [
      "an application's",
      () => entra.issueAppToken({ app: "contacts", client: "agent" }),
      401,
      "application",
      false,
    ],
    ["the agent's", () => entra.issueUserToken({ user: "Ada", app: "agent" }), 401, "other_audience", true],
    [
      "expired",
      () => entra.issueUserToken({ user: "Ada", app: "contacts", expiresInS: -600 }),
      401,
      "refused",
      false,
    ],
    [
      "forged",
      () => entra.issueUserToken({ user: "Ada", app: "contacts", key: "unknown" }),
      401,
      "refused",
      false,
    ],
    ["no token at all", async () => "xyz", 401, "refused", false],
  ])("%s", async (_what, token, status, says, isAdas) => {
    const value = await token();
    const headers: Record<string, string> = value === undefined ? {} : { authorization: `Bearer ${value}` };
    expect(await call(headers)).toEqual([status, [says, isAdas ? ada() : undefined]]);
  });

  test("worn out: whose it is, and no more than those of that person so far", async () => {
    const [first, bobs] = [await tokenOf("Ada"), await tokenOf("Bob")];
    const ask = (token: string) => call({ authorization: `Bearer ${token}` });
    expect([(await ask(first))[0], (await ask(bobs))[0]]).toEqual([200, 200]);
    witness.wearOut(ada());
    expect(await ask(first)).toEqual([401, ["refused", ada()]]);
    expect([(await ask(bobs))[0], (await ask(await tokenOf("Ada")))[0]]).toEqual([200, 200]);
  });
});

test("sessions that were dropped, and sessions of others", async () => {
  const open = async (user: string) => openClient("v1", witness.url, { fetch: bearing(await tokenOf(user)) });
  const client = await open("Ada");
  witness.dropSessions();
  await expect(client.callTool({ name: "whoami" })).rejects.toThrow("Session not found");
  const other = await open("Bob");
  let token = await tokenOf("Bob");
  const mixed = await openClient("v1", witness.url, {
    fetch: (url, init) => bearing(token)(url as string, init),
  });
  token = await tokenOf("Ada");
  await mixed.callTool({ name: "whoami" });
  expect(witness.calls.at(-1)).toMatchObject({
    oid: entra.user("Ada").oid,
    sessionOf: entra.user("Bob").oid,
  });
  await Promise.all([client.close(), other.close(), mixed.close()]);
});

test("has no sessions where it is told so", async () => {
  await using stateless = await startWitness({ entra, app: "contacts", sessions: false });
  const client = await openClient("v1", stateless.url, { fetch: bearing(await tokenOf("Ada")) });
  stateless.dropSessions();
  await client.callTool({ name: "whoami" });
  const [opened, called] = ["initialize", "tools/call"].map((name) =>
    stateless.calls.find(({ method }) => method === name),
  );
  expect([opened?.token, called?.token]).toEqual(["person", "person"]);
  expect(stateless.calls.filter(({ sessionOf }) => sessionOf !== undefined)).toEqual([]);
  await client.close();
});
