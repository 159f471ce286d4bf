import {
  findConsentRequired,
  type ProtectedResource,
  protectedResource,
  runWithUserContext,
  type TokenSource,
  type UserContext,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { remoteSignIn, signInApi } from "hosted-agent-identity/sign-in";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { json, startElicitingServer, type ElicitingServer } from "../../support/eliciting-server.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const allowed = "https://gateway.example/connect/";
const url = `${allowed}abc123SECRETLINK`;
let world: SignInWorld;
let server: ElicitingServer;
let site: Site;
let source: TokenSource;

beforeAll(async () => {
  world = await signInWorld();
  server = await startElicitingServer();
  site = await signInSite(world, { resources: [resourceWith(allowed)] });
  const app = world.app();
  const { clientId } = world.entra.app("mail");
  const api = signInApi({
    app,
    verify: userTokenVerifier({ app }),
    agents: [
      {
        name: "agent",
        clientIds: [clientId],
        signIn: site.signIn,
        resources: [resourceWith(allowed)],
        platformProject: "https://project.example.com",
      },
    ],
  });
  const token = await world.entra.issueAppToken({ client: "mail", app: "agent" });
  const service = remoteSignIn({
    url: "https://sign-in.example.com",
    scope: "api://agent/.default",
    credential: { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) },
    fetch: async (to, init) =>
      (await api(new Request(to, init))) ?? new Response(null, { status: 404, statusText: "Not Found" }),
  });
  source = service.tokens();
});
afterAll(async () => {
  await site?.close();
  await server?.close();
  await world?.entra.close();
});

function resourceWith(...links: string[]): ProtectedResource {
  const { scopes, audiences } = world.contacts;
  const elicitation = { allowedLinks: links };
  return protectedResource({ url: server.url, serverLabel: "Gateway", scopes, audiences, elicitation });
}

/** What a call ends with whose server asks for a page. The agent may have a list of its own. */
async function asked(context: UserContext, page: string, ...links: string[]): Promise<unknown> {
  server.answer = (rpc, response) =>
    json(response, rpc, {
      error: {
        code: -32042,
        message: "m",
        data: { elicitations: [{ mode: "url", url: page, message: "Connect" }] },
      },
    });
  const acquire: TokenSource["acquire"] = async () => ({
    status: "token",
    token: { token: "t", expiresAt: Date.now() + 3_600_000, source: "test" },
  });
  const contacts = userAccess(resourceWith(allowed, ...links), [{ ...source, acquire }]);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "issues" } });
  const sent = runWithUserContext(context, () =>
    contacts.fetch(contacts.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    }),
  );
  const error = await sent.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  await contacts.close();
  return error;
}

describe("the card for a page that a server asks for, of an agent with remoteSignIn()", () => {
  it("leads to the page of the service, for the agent's own user only", async () => {
    const error = await asked(await contextOf(world, "Ada"), url);
    const [request] = findConsentRequired(error)?.requests ?? [];
    expect(request).toMatchObject({ reason: "elicitation", serverLabel: "Gateway" });
    expect(request?.link).toMatch(`${site.publicUrl}/open?t=`);
    expect(request?.expiresAt).toBeGreaterThan(Date.now());
    const bob = await person(world.entra, "Bob").signIn(request?.link ?? "");
    expect(titleOf(bob)).toBe("This link is for another account");
    const ada = await person(world.entra, "Ada").signIn(request?.link ?? "");
    expect(titleOf(ada)).toBe("Open a page of Gateway?");
  });

  it("leads there for a user whom only the platform names, too", async () => {
    const error = await asked(platformContext("user-1"), url);
    expect(findConsentRequired(error)?.requests[0]?.link).toMatch(`${site.publicUrl}/open?t=`);
  });

  it("is not made for a page that the service does not allow, whatever the agent does", async () => {
    const error = await asked(
      await contextOf(world, "Ada"),
      "https://evil.example/x/SECRETLINK",
      "https://evil.example/x/",
    );
    expect(error).toMatchObject({ code: "elicitation_not_allowed" });
    expect(String(error)).toContain("the sign-in service");
    expect(String(error)).not.toContain("SECRETLINK");
  });

  it("is not made without the service: the URL is not shown in its place", async () => {
    const error = await asked(await contextOf(world, "Ada"), `${allowed}${"x".repeat(8_192)}`);
    expect(error).toBeDefined();
    expect(findConsentRequired(error)).toBeUndefined();
    const without = { ...source, pageFor: undefined } as unknown as TokenSource;
    const app = world.app();
    const api = signInApi({
      app,
      verify: userTokenVerifier({ app }),
      agents: [
        {
          name: "agent",
          clientIds: [world.entra.app("mail").clientId],
          signIn: { ...site.signIn, tokens: () => without },
          resources: [resourceWith(allowed)],
        },
      ],
    });
    const authorization = `Bearer ${await world.entra.issueAppToken({ client: "mail", app: "agent" })}`;
    const userToken = await world.entra.issueUserToken({ user: "Ada", app: "agent" });
    const answer = await api(
      new Request("https://sign-in.example.com/v1/page", {
        method: "POST",
        headers: { authorization },
        body: JSON.stringify({ user: { user_token: userToken }, server_label: "Gateway", url }),
      }),
    );
    expect(await answer?.json()).toMatchObject({ error: { code: "sign_in_service_unavailable" } });
  });
});
