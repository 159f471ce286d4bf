import { createServer, type IncomingMessage } from "node:http";
import {
  clientSecret,
  createUserContext,
  entraApp,
  isConsentRequiredError,
  protectedResource,
  runWithUserContext,
  userAccess,
  userTokenVerifier,
  type EntraApp,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { tokenBroker } from "../../examples/own-token-source/token-broker.js";
import { listening, type RunningHost } from "../support/listening.js";

interface Asked {
  readonly key: string | undefined;
  readonly text: string;
}
type Answer = (question: { oid: string; tid: string; scopes: string[] }) => readonly [number, object];

const scopes = ["api://contacts/read"];
const key = "key-of-the-agent";
let entra: EntraEmulator;
let app: EntraApp;
let broker: RunningHost;
let asked: Asked[] = [];
let answer: Answer;
let access: UserAccess;

beforeAll(async () => {
  entra = await startEntra({
    apps: [{ name: "agent", scopes: ["chat"], secrets: ["agent-secret"] }],
    users: [{ name: "Ada" }, { name: "Bob" }],
  });
  app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("agent-secret"),
    cloud: entra.cloud,
  });
  broker = await listening(
    createServer((request, response) => {
      void read(request).then((text) => {
        asked.push({ key: request.headers.authorization, text });
        const [status, body] = answer(JSON.parse(text) as Parameters<Answer>[0]);
        response.writeHead(status, { "content-type": "application/json", location: broker.url });
        response.end(JSON.stringify(body));
      });
    }),
  );
});
afterAll(async () => {
  await broker.close();
  await app.close();
  await entra.close();
});

beforeEach(() => {
  asked = [];
  answer = ({ oid, tid }) => [200, { access_token: `token of ${oid}`, expires_in: 3600, oid, tid }];
  const server = protectedResource({
    url: "https://contacts.example/mcp",
    serverLabel: "contacts",
    scopes,
    audiences: ["api://contacts"],
  });
  // The MCP server: says which token it was given.
  const server200 = async (_input: unknown, init?: RequestInit): Promise<Response> =>
    new Response(new Headers(init?.headers).get("authorization"));
  access = userAccess(server, [tokenBroker({ url: broker.url, key })], { fetch: server200 });
});

async function turnOf(user: string): Promise<{ readonly context: UserContext; readonly userToken: string }> {
  const userToken = await entra.issueUserToken({ user, app: "agent" });
  return {
    userToken,
    context: await createUserContext({ userToken }, { verify: userTokenVerifier({ app }) }),
  };
}

const called = (context: UserContext): Promise<string> =>
  runWithUserContext(context, async () => (await access.fetch(access.url)).text());

const failureOf = (context: UserContext): Promise<unknown> =>
  called(context).then(
    () => undefined,
    (error: unknown) => error,
  );

describe("the token source of the example", () => {
  it("brings each person's own token, and asks once for each", async () => {
    for (const user of ["Ada", "Bob", "Ada"]) {
      expect(await called((await turnOf(user)).context)).toBe(`Bearer token of ${entra.user(user).oid}`);
    }
    expect(asked.map(({ text }) => (JSON.parse(text) as { oid: string }).oid)).toEqual([
      entra.user("Ada").oid,
      entra.user("Bob").oid,
    ]);
    expect(asked.map(({ key }) => key)).toEqual([`Bearer ${key}`, `Bearer ${key}`]);
  });

  it("tells the broker who asks and for what, and never sends the user token", async () => {
    const { context, userToken } = await turnOf("Ada");
    await called(context);
    expect(asked.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      { tid: context.user?.tid, oid: context.user?.oid, resource: String(access.url), scopes },
    ]);
    expect(JSON.stringify(asked)).not.toContain(userToken.split(".")[2]);
  });

  it("ends in the broker's link where the person has connected nothing", async () => {
    const link = `${broker.url}/connect?for=ada`;
    answer = () => [403, { connect_url: link }];
    const error = await failureOf((await turnOf("Ada")).context);
    if (!isConsentRequiredError(error)) throw error;
    expect(error.requests.map((one) => [one.link, one.serverLabel, one.reason])).toEqual([
      [link, "contacts", "sign_in"],
    ]);
    expect(String(error.stack) + JSON.stringify(error)).not.toContain("/connect");
  });

  it("sends nobody a token that the broker gave for somebody else", async () => {
    answer = ({ tid }) => [200, { access_token: "bob's", expires_in: 60, tid, oid: entra.user("Bob").oid }];
    expect(await failureOf((await turnOf("Ada")).context)).toMatchObject({ code: "wrong_user" });
  });

  it.each([
    ["an error", 500, { error: `a secret: ${key}` }],
    ["no token", 200, { expires_in: 60 }],
    ["a token without an end", 200, { access_token: "one" }],
    ["a refusal without a link", 403, {}],
  ])("fails with a code and without the broker's words at %s", async (_, status, body) => {
    answer = ({ oid, tid }) => [status, { ...body, oid, tid }];
    const error = await failureOf((await turnOf("Ada")).context);
    expect(error).toMatchObject({ code: "token_exchange_failed" });
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(key);
  });

  it("says that nothing proves whose token it is, and why it does not apply", async () => {
    expect((await access.explain((await turnOf("Ada")).context)).sources).toMatchObject([
      { source: "token_broker", applies: true, provesUser: false },
    ]);
    const nobody = await createUserContext({}, { verify: userTokenVerifier({ app }) });
    expect(await failureOf(nobody)).toMatchObject({
      code: "no_token",
      skipped: [{ reason: "no_user_token" }],
    });
    expect(asked).toEqual([]);
  });

  it("takes no address that is not https", () => {
    expect(() => tokenBroker({ url: "http://broker.example", key })).toThrow(/https/);
  });
});

async function read(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
