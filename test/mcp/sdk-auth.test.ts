import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { AuthProvider } from "@modelcontextprotocol/client";
import type { OAuthClientProvider } from "@modelcontextprotocol/sdk/client/auth.js";
import { auth } from "@modelcontextprotocol/sdk/client/auth.js";
import { afterEach, describe, expect, expectTypeOf, test } from "vitest";
import {
  protectedResource,
  runWithUserContext,
  sdkV1Auth,
  type SdkV1AuthProvider,
  sdkV2Auth,
  type SdkV2AuthProvider,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { openClient, whoami } from "../support/mcp-clients.js";
import { startMcpServer, type McpTestServer } from "../support/mcp-servers.js";
import { contextOf, testIssuer, type TestIssuer } from "../support/test-users.js";

const clientId = "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1";

/** An authorization server that a hostile MCP server names in its challenge. Nobody may visit it. */
interface Trap {
  url: string;
  visits: string[];
}

const stops: (() => Promise<unknown>)[] = [];

async function trap(): Promise<Trap> {
  const visits: string[] = [];
  const server: Server = createServer((request, response) => {
    visits.push(`${request.method} ${request.url}`);
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/meta`, visits };
}

interface World {
  access: UserAccess;
  issuer: TestIssuer;
  server: McpTestServer;
  trap: Trap;
}

async function world(whose?: (token: string) => string | undefined): Promise<World> {
  const issuer = testIssuer();
  const hostile = await trap();
  const server = await startMcpServer({
    kind: "v1-stateless",
    whose: whose ?? issuer.whose,
    resourceMetadata: hostile.url,
  });
  const access = userAccess(
    protectedResource({
      url: server.url,
      serverLabel: "people",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [issuer.source],
  );
  stops.push(server.close, access.close);
  return { access, issuer, server, trap: hostile };
}

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const as = <T>(user: string, run: () => Promise<T>): Promise<T> => runWithUserContext(contextOf(user), run);

test("the auth objects are what each SDK's types ask for", () => {
  expectTypeOf<SdkV1AuthProvider>().toExtend<OAuthClientProvider>();
  expectTypeOf<SdkV2AuthProvider>().toExtend<AuthProvider>();
  // SDK v2 takes anything with tokens() and clientInformation() for an OAuth client; v1 calls tokens().
  expectTypeOf<SdkV2AuthProvider>().not.toExtend<OAuthClientProvider>();
});

describe("sdkV2Auth", () => {
  test("each call carries the token of the user who made it", async () => {
    const { access, server } = await world();
    const client = await as("ana", () =>
      openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) }),
    );
    const callers = await Promise.all(
      ["ana", "ben", "ana", "cleo"].map((user) => as(user, () => whoami(client))),
    );
    expect(callers.map(({ caller }) => caller)).toEqual(["ana", "ben", "ana", "cleo"]);
    await client.close();
  });

  test("a refused token is dropped and the SDK's one retry carries a fresh one", async () => {
    const { access, issuer, server, trap: hostile } = await world();
    await as("ana", async () => {
      const client = await openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) });
      issuer.revokeAll();
      expect((await whoami(client)).caller).toBe("ana");
      expect(issuer.issued).toEqual(["ana", "ana"]);
      await client.close();
    });
    expect(hostile.visits).toEqual([]);
  });

  test("ten parallel refusals of one token cost one fresh token", async () => {
    const { access, issuer, server } = await world();
    await as("ana", async () => {
      const client = await openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) });
      issuer.revokeAll();
      const answers = await Promise.all(Array.from({ length: 10 }, () => whoami(client)));
      expect(new Set(answers.map(({ caller }) => caller))).toEqual(new Set(["ana"]));
      expect(issuer.issued).toEqual(["ana", "ana"]);
      await client.close();
    });
  });

  test("only the refused token is dropped, not the user's others", async () => {
    const { access } = await world();
    const dropped: unknown[] = [];
    const watched = { ...access, forget: (...args: unknown[]) => void dropped.push(args) } as UserAccess;
    const ana = contextOf("ana");
    await runWithUserContext(ana, async () => {
      const provider = sdkV2Auth(watched);
      const token = await provider.token();
      await provider.onUnauthorized();
      expect(dropped).toEqual([[undefined, token]]);
    });
  });

  test("an access that is bound to one user serves code that lost the async context", async () => {
    const { access, issuer, server } = await world();
    const client = await openClient("v2-legacy", server.url, {
      authProvider: sdkV2Auth(access.as(contextOf("ana"))),
    });
    issuer.revokeAll();
    expect((await whoami(client)).caller).toBe("ana");
    expect((await as("ben", () => whoami(client))).caller).toBe("ana");
    expect(issuer.issued).toEqual(["ana", "ana"]);
    await client.close();
  });

  test("a server that refuses everything costs a bounded number of requests and visits nobody", async () => {
    const { access, issuer, server, trap: hostile } = await world(() => undefined);
    await as("ana", async () => {
      await expect(openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) })).rejects.toThrow(
        "401",
      );
    });
    expect(server.seen).toHaveLength(2);
    expect(issuer.issued).toHaveLength(2);
    expect(hostile.visits).toEqual([]);
  });

  test("one user's refused token leaves another user's alone", async () => {
    const { access, issuer, server } = await world((token) =>
      issuerOf(token) === "ana" ? undefined : issuerOf(token),
    );
    function issuerOf(token: string): string | undefined {
      return issuer.whose(token);
    }
    const client = await as("ben", () =>
      openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) }),
    );
    await expect(as("ana", () => whoami(client))).rejects.toThrow("401");
    expect((await as("ben", () => whoami(client))).caller).toBe("ben");
    await client.close();
  });

  test("without a user nothing is sent", async () => {
    const { access, server } = await world();
    await expect(openClient("v2-legacy", server.url, { authProvider: sdkV2Auth(access) })).rejects.toThrow(
      expect.objectContaining({ code: "no_user_context" }) as Error,
    );
    expect(server.seen).toEqual([]);
  });
});

describe("sdkV1Auth", () => {
  test("each call carries the token of the user who made it", async () => {
    const { access, server } = await world();
    const client = await as("ana", () => openClient("v1", server.url, { authProvider: sdkV1Auth(access) }));
    const callers = await Promise.all(
      ["ana", "ben", "ana", "cleo"].map((user) => as(user, () => whoami(client))),
    );
    expect(callers.map(({ caller }) => caller)).toEqual(["ana", "ben", "ana", "cleo"]);
    await client.close();
  });

  test("a 401 costs one request, visits nobody, fails with a typed error, and the next call is fresh", async () => {
    const { access, issuer, server, trap: hostile } = await world();
    await as("ana", async () => {
      const client = await openClient("v1", server.url, { authProvider: sdkV1Auth(access) });
      issuer.revokeAll();
      await expect(whoami(client)).rejects.toThrow(
        expect.objectContaining({ code: "resource_unauthorized" }) as Error,
      );
      expect(server.seen.filter(({ rpc }) => rpc === "tools/call")).toHaveLength(1);
      expect(hostile.visits).toEqual([]);
      expect((await whoami(client)).caller).toBe("ana");
      expect(issuer.issued).toEqual(["ana", "ana"]);
      await client.close();
    });
  });

  test("one user's refused token does not fail another user's call on the same client", async () => {
    const { access, issuer, server } = await world((token) => {
      const user = issuer.whose(token);
      return user === "ana" ? undefined : user;
    });
    const client = await as("ben", () => openClient("v1", server.url, { authProvider: sdkV1Auth(access) }));
    await expect(as("ana", () => whoami(client))).rejects.toThrow(
      expect.objectContaining({ code: "resource_unauthorized" }) as Error,
    );
    expect((await as("ben", () => whoami(client))).caller).toBe("ben");
    await client.close();
  });

  test("the SDK's own OAuth flow stops before its first request", async () => {
    const { access, trap: hostile } = await world();
    await as("ana", async () => {
      await expect(
        auth(sdkV1Auth(access), { serverUrl: hostile.url, resourceMetadataUrl: new URL(hostile.url) }),
      ).rejects.toThrow(expect.objectContaining({ code: "resource_unauthorized" }) as Error);
    });
    expect(hostile.visits).toEqual([]);
  });

  test("it stores nothing and sends nobody anywhere", async () => {
    const { access } = await world();
    const provider = sdkV1Auth(access);
    for (const method of [
      "clientInformation",
      "saveTokens",
      "redirectToAuthorization",
      "saveCodeVerifier",
      "codeVerifier",
    ] as const) {
      expect(() => provider[method]()).toThrow(
        expect.objectContaining({ code: "resource_unauthorized" }) as Error,
      );
    }
    expect(provider.redirectUrl).toBeUndefined();
  });

  test("without a user nothing is sent", async () => {
    const { access, server } = await world();
    await expect(openClient("v1", server.url, { authProvider: sdkV1Auth(access) })).rejects.toThrow(
      expect.objectContaining({ code: "no_user_context" }) as Error,
    );
    expect(server.seen).toEqual([]);
  });
});
