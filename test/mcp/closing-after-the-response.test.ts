import { createMCPClient } from "@ai-sdk/mcp";
import { afterEach, describe, expect, test } from "vitest";
import {
  closeMcpClient,
  passthrough,
  protectedResource,
  runWithUserContext,
  userAccess,
  type TokenSource,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { runInContext } from "../../src/context/ambient.js";
import { beginTurnOn } from "../../src/context/internals.js";
import { openClient } from "../support/mcp-clients.js";
import { startMcpServer, type McpTestServer } from "../support/mcp-servers.js";
import { contextFor, mcpApp } from "../support/people.js";
import { contextOf, contextOfNobody, testIssuer, type TestIssuer } from "../support/test-users.js";

interface World {
  readonly server: McpTestServer;
  readonly issuer: TestIssuer;
  readonly access: UserAccess;
}

const worlds: World[] = [];
afterEach(async () => {
  for (const { access, server } of worlds.splice(0)) {
    await access.close();
    await server.close();
  }
});

async function world(sources?: readonly TokenSource[]): Promise<World> {
  const issuer = testIssuer();
  const whose = (token: string): string | undefined =>
    issuer.whose(token) ?? (token.startsWith("ey") ? "the caller" : undefined);
  const server = await startMcpServer({ kind: "v1-sessions", whose });
  const resource = protectedResource({
    url: server.url,
    serverLabel: "people",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  const made = { server, issuer, access: userAccess(resource, sources ?? [issuer.source]) };
  worlds.push(made);
  return made;
}

interface Opened {
  close(): Promise<void>;
}

const clients: Readonly<Record<string, (access: UserAccess) => Promise<Opened>>> = {
  "SDK v1": async ({ url, fetch }) => {
    const client = await openClient("v1", url, { fetch });
    return { close: () => closeMcpClient(client) };
  },
  "SDK v2": async ({ url, fetch }) => {
    const client = await openClient("v2-legacy", url, { fetch });
    return { close: () => closeMcpClient(client) };
  },
  "AI SDK": ({ url, fetch }) => createMCPClient({ transport: { type: "http", url: url.href, fetch } }),
};

/** The client has left: the response is over, and the run's `finally` begins. Returns what ends the run. */
function leave(context: UserContext): () => void {
  const endTurn = beginTurnOn(context);
  context.end();
  return endTurn;
}

const deletes = ({ server }: World): string[] =>
  server.seen.filter(({ http }) => http === "DELETE").map(({ caller }) => String(caller));
const get = (access: UserAccess, context: UserContext, init: RequestInit): Promise<unknown> =>
  runInContext(context, () => access.fetch(access.url, init)).then(
    ({ status }) => status,
    ({ code }: { code?: string }) => code,
  );

describe("a run that closes its MCP client after the response has ended", () => {
  test.each(Object.keys(clients))("ends the session, with %s, and acquires nothing", async (kind) => {
    const here = await world();
    const context = contextOf("ana");
    const client = await runWithUserContext(context, () => clients[kind]!(here.access));
    expect(here.server.sessions.size).toBe(1);
    leave(context);
    await runInContext(context, () => client.close());
    expect(deletes(here)).toEqual(["ana"]);
    expect(here.server.sessions.size).toBe(0);
    expect(here.issuer.issued).toEqual(["ana"]);
  });

  test("ends it for a user who has no name, with the token that this very context was given", async () => {
    const here = await world();
    const [context, other] = [contextOfNobody(), contextOfNobody()];
    const client = await runWithUserContext(context, () => clients["SDK v1"]!(here.access));
    leave(context);
    leave(other);
    const [session] = here.server.sessions.keys();
    const init = { method: "DELETE", headers: { "mcp-session-id": session ?? "" } };
    expect(await get(here.access, other, init)).toBe("context_ended");
    await runInContext(context, () => client.close());
    expect(here.server.sessions.size).toBe(0);
  });

  test("ends it with the caller's own token, where that one is passed through", async () => {
    const here = await world([passthrough()]);
    const context = contextFor({}, "resource");
    const client = await runWithUserContext(context, () => clients["SDK v1"]!(here.access));
    leave(context);
    await runInContext(context, () => client.close());
    expect(deletes(here)).toEqual(["the caller"]);
  });

  test("ends it also where the connection closes before the turn hears of it", async () => {
    const here = await world();
    const context = contextOf("ana");
    const turnOver = beginTurnOn(context);
    const client = await runWithUserContext(context, () => clients["SDK v1"]!(here.access));
    context.end();
    await runInContext(context, () => client.close());
    expect(deletes(here)).toEqual(["ana"]);
    turnOver();
    const init = { method: "DELETE", headers: { "mcp-session-id": "another" } };
    expect(await get(here.access, context, init)).toBe("context_ended");
  });

  test("through an access that is bound to its context", async () => {
    const here = await world();
    const context = contextOf("ana");
    const client = await clients["SDK v1"]!(here.access.as(context));
    leave(context);
    await client.close();
    expect(deletes(here)).toEqual(["ana"]);
  });

  test("sends nothing else: no call, no other session, nothing once the run is over", async () => {
    const here = await world();
    const [ana, ben] = [contextOf("ana"), contextOf("ben")];
    await runWithUserContext(ana, () => clients["SDK v1"]!(here.access));
    await runWithUserContext(ben, () => clients["SDK v1"]!(here.access));
    const of = (user: string): Record<string, string> => {
      const found = [...here.server.sessions].find(([, owner]) => owner === user)?.[0];
      return { "mcp-session-id": found ?? "" };
    };
    const endRun = leave(ana);
    const before = here.server.seen.length;
    expect(await get(here.access, ana, { method: "POST", headers: of("ana"), body: "{}" })).toBe(
      "context_ended",
    );
    expect(await get(here.access, ana, { method: "DELETE" })).toBe("context_ended");
    expect(await get(here.access, ana, { method: "DELETE", headers: of("ben") })).toBe("shared_session");
    endRun();
    expect(await get(here.access, ana, { method: "DELETE", headers: of("ana") })).toBe("context_ended");
    expect(here.server.seen).toHaveLength(before);
  });

  test("sends nothing once the token is gone: the user has signed out, or the access is closed", async () => {
    const here = await world();
    const [ana, ben] = [contextOf("ana"), contextOf("ana")];
    await runWithUserContext(ana, () => clients["SDK v1"]!(here.access));
    const [session] = here.server.sessions.keys();
    const init = { method: "DELETE", headers: { "mcp-session-id": session ?? "" } };
    here.access.forget(ben);
    leave(ana);
    expect(await get(here.access, ana, init)).toBe("context_ended");
    await runWithUserContext(ben, () => here.access.token());
    await here.access.close();
    leave(ben);
    expect(await get(here.access, ben, init)).toBe("context_ended");
    expect(here.issuer.issued).toEqual(["ana", "ana"]);
  });
});
