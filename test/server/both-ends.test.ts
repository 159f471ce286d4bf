import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  entraConsentLink,
  isConsentRequiredError,
  isTokenExchangeError,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { protectMcpServer } from "hosted-agent-identity/server";
import { openClient, type RealClient } from "../support/mcp-clients.js";
import { sdkPairs } from "../support/sdk-pairs.js";
import { startProtectedServer, type ProtectedServer, type ServerKind } from "../support/protected-servers.js";

const stops: (() => Promise<unknown>)[] = [];
let entra: EntraEmulator;
let agent: EntraApp;

beforeAll(async () => {
  entra = await startEntra({
    users: [{ name: "Ada" }, { name: "Bo" }, { name: "Cy" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["s"], redirectUris: ["http://localhost:3000/"] },
      {
        name: "contacts",
        scopes: ["access_as_user", "Contacts.Write"],
        preAuthorized: [{ client: "agent", scopes: ["access_as_user"] }],
      },
    ],
  });
  const { tenantId, clientId } = entra.app("agent");
  agent = entraApp({ tenantId, clientId, credential: clientSecret("s"), cloud: entra.cloud });
});
afterAll(() => entra.close());

/** An MCP server written with `./server`, and an access to it written with the root. */
async function bothEnds(kind: ServerKind): Promise<{ server: ProtectedServer; access: UserAccess }> {
  const { tenantId, clientId } = entra.app("contacts");
  const server = await startProtectedServer(kind, (url) =>
    protectMcpServer({
      url,
      app: { tenantId, clientId, cloud: entra.cloud },
      scopes: ["access_as_user"],
      tools: { delete_contact: { scopes: ["Contacts.Write"], authContext: "c1" } },
    }),
  );
  const consentLink = entraConsentLink({ app: agent, redirectUri: "http://localhost:3000/" });
  const access = userAccess(
    protectedResource({
      url: server.url,
      serverLabel: "contacts",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [onBehalfOf(agent, { consentLink })],
  );
  stops.push(server.close, access.close);
  return { server, access };
}

async function as<T>(user: string, run: () => Promise<T>, claimsChallenge?: string): Promise<T> {
  const userToken = await entra.issueUserToken({
    user,
    app: "agent",
    ...(claimsChallenge === undefined ? {} : { claimsChallenge }),
  });
  const context = await createUserContext({ userToken }, { verify: userTokenVerifier({ app: agent }) });
  return runWithUserContext(context, run);
}

async function call(client: RealClient, tool: string): Promise<{ tool: string; caller: string }> {
  const result = (await client.callTool({ name: tool, arguments: {} })) as { content: { text: string }[] };
  return JSON.parse(result.content[0]?.text ?? "null") as { tool: string; caller: string };
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.each(sdkPairs)("a client of SDK %s and a server of SDK %s", (client, kind) => {
  test("meet as the person, grow the scopes for one tool, and step up for it", async () => {
    const { server, access } = await bothEnds(kind);
    const ada = entra.user("Ada").oid;
    const open = (): Promise<RealClient> => openClient(client, access.url, { fetch: access.fetch });
    entra.revokeConsent({ user: "Ada", client: "agent", resource: "contacts" });
    const exchanges = (from: number) =>
      entra.requests
        .slice(from)
        .filter(({ grantType }) => grantType === "on_behalf_of")
        .map(({ scopes, params }) => ({
          write: scopes?.some((scope) => scope.endsWith("/Contacts.Write")) ?? false,
          context: params?.["claims"]?.includes("acrs") ?? false,
        }));

    const missing = await as("Ada", async () => {
      const mcp = await open();
      expect(await call(mcp, "whoami")).toEqual({ tool: "whoami", caller: ada });
      // 403: the scope is asked for, and nobody has consented to it yet.
      return failureOf(call(mcp, "delete_contact"));
    });
    expect(isConsentRequiredError(missing)).toBe(true);
    const link = isConsentRequiredError(missing) ? (missing.requests[0]?.link ?? "") : "";
    expect(decodeURIComponent(link)).toContain(`api://${entra.app("contacts").clientId}/Contacts.Write`);

    let before = entra.requests.length;
    const stepUp = await as("Ada", async () => {
      const mcp = await open();
      await call(mcp, "whoami");
      entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["Contacts.Write"] });
      return failureOf(call(mcp, "delete_contact"));
    });
    // The bigger exchange for the 403, and the one with claims for the 401, which Entra refuses with claims.
    expect(isTokenExchangeError(stepUp) ? stepUp.code : stepUp).toBe("step_up_required");
    const claims = isTokenExchangeError(stepUp) ? (stepUp.claims ?? "") : "";
    expect(JSON.parse(claims)).toEqual({ access_token: { acrs: { essential: true, value: "c1" } } });
    expect(exchanges(before)).toEqual([
      { write: false, context: false },
      { write: true, context: false },
      { write: true, context: true },
    ]);
    expect(server.calls.map(({ tool }) => tool)).toEqual(["whoami", "whoami"]);

    // The person has signed in again with those claims.
    before = entra.requests.length;
    const done = await as("Ada", async () => call(await open(), "delete_contact"), claims);
    expect(exchanges(before).at(-1)).toMatchObject({ context: true });
    expect(done).toEqual({ tool: "delete_contact", caller: ada });
    expect(server.calls.map(({ tool }) => tool)).toEqual(["whoami", "whoami", "delete_contact"]);
  });

  test("keep two people apart", async () => {
    const { server, access } = await bothEnds(kind);
    const callers = await Promise.all(
      ["Bo", "Cy"].map((user) =>
        as(user, async () => {
          const mcp = await openClient(client, access.url, { fetch: access.fetch });
          const { caller } = await call(mcp, "whoami");
          return caller;
        }),
      ),
    );
    expect(callers).toEqual([entra.user("Bo").oid, entra.user("Cy").oid]);
    expect(server.calls.length).toBe(2);
  });
});

afterAll(async () => {
  for (const stop of stops) await stop();
});
