import { afterEach, beforeEach, expect, it } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { graphAccess, profile } from "../../examples/downstream-apis/graph.js";
import { startGraph, type Graph } from "../support/graph.js";

let entra: EntraEmulator;
let api: Graph;
let graph: UserAccess;
let contextOf: (user: string) => Promise<UserContext>;

beforeEach(async () => {
  entra = await startEntra({
    apps: [{ name: "agent", scopes: ["chat"], secrets: ["the-agents-secret"] }],
    users: [{ name: "Ada" }, { name: "Grace" }],
  });
  entra.grantConsent({ allUsers: true, client: "agent", resource: "Microsoft Graph", scopes: ["User.Read"] });
  api = await startGraph(entra);
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("the-agents-secret"),
    cloud: entra.cloud,
  });
  graph = graphAccess(onBehalfOf(app), api.url);
  const verify = userTokenVerifier({ app });
  contextOf = async (user) =>
    createUserContext({ userToken: await entra.issueUserToken({ user, app: "agent" }) }, { verify });
});
afterEach(() => Promise.all([graph.close(), entra.close(), api.close()]));

const exchanges = (): number => entra.requests.filter(({ path }) => path.endsWith("/token")).length;
const oid = (user: string): string => entra.user(user).oid;

it("reads from Graph as each of two people at once, with a token for Graph and User.Read", async () => {
  const [ada, grace] = [await contextOf("Ada"), await contextOf("Grace")];
  const told = await Promise.all(
    [ada, grace, ada, grace].map((context) => runWithUserContext(context, () => profile(graph))),
  );
  expect(told.map(({ id }) => id)).toEqual(["Ada", "Grace", "Ada", "Grace"].map(oid));
  expect(told.map(({ displayName }) => displayName)).toEqual(["Ada", "Grace", "Ada", "Grace"]);
  expect(api.seen.map(({ path }) => path)).toContain("/v1.0/me?$select=id,displayName");
  expect(exchanges()).toBe(2);
});

it("answers a claims challenge with a token that was asked for with these claims, and repeats the request", async () => {
  const ada = await contextOf("Ada");
  await runWithUserContext(ada, () => profile(graph));
  const claims = Buffer.from('{"access_token":{"nbf":{"essential":true,"value":"1700000000"}}}', "utf8");
  api.answerNext(401, {
    "www-authenticate": `Bearer realm="", authorization_uri="https://login.elsewhere.example/", error="insufficient_claims", claims="${claims.toString("base64")}"`,
  });
  expect((await runWithUserContext(ada, () => profile(graph))).id).toBe(oid("Ada"));
  const [first, refused, repeated] = api.seen.map(({ token }) => token);
  expect(refused).toBe(first);
  expect(repeated).not.toBe(refused);
  expect(JSON.stringify(entra.requests.filter(({ path }) => path.endsWith("/token")).at(-1))).toContain(
    "nbf",
  );
  expect(exchanges()).toBe(2);
});

it("hands on 429 as it is, and keeps the token", async () => {
  const ada = await contextOf("Ada");
  api.answerNext(429, { "retry-after": "7" });
  const response = await runWithUserContext(ada, () => graph.fetch(`${graph.url}/me`));
  expect([response.status, response.headers.get("retry-after")]).toEqual([429, "7"]);
  expect(await response.json()).toEqual({ error: { code: "instead" } });
  expect(api.seen).toHaveLength(1);
  await runWithUserContext(ada, () => profile(graph));
  expect(exchanges()).toBe(1);
});

it("follows no link to the next page that leads to another host or version", async () => {
  const ada = await contextOf("Ada");
  const elsewhere = ["http://127.0.0.1:9/v1.0/me", api.url.replace("v1.0", "beta/me")];
  for (const url of elsewhere)
    await expect(runWithUserContext(ada, () => graph.fetch(url))).rejects.toMatchObject({
      code: "url_not_allowed",
    });
  expect(api.seen).toEqual([]);
});

it("takes Graph's scopes in full only: a short one could be of any resource", () => {
  const short = {
    url: api.url,
    serverLabel: "graph",
    scopes: ["User.Read"],
    audiences: ["https://graph.microsoft.com"],
  };
  expect(() => protectedResource(short)).toThrow(/scopes\[0\]: expected a scope in full.*names no resource/);
});
