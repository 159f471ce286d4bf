import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { callerOf, protectMcpServer } from "hosted-agent-identity/server";
import { openSessions } from "../../src/server/sessions.js";
import { startTestCloud } from "../support/keys.js";
import { startProtectedServer } from "../support/protected-servers.js";

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "test", version: "1" },
  },
};

describe("a session of a real server (SDK v1)", () => {
  test("is its opener's alone, for every method, and ends with DELETE", async () => {
    const cloud = await startTestCloud();
    const { tenantId, clientId } = cloud.app;
    const app = { tenantId, clientId, cloud: { loginEndpoint: cloud.origin, stsEndpoint: cloud.origin } };
    const server = await startProtectedServer("v1-sessions", (url) =>
      protectMcpServer({ url, app, scopes: ["access_as_user"] }),
    );
    const [ada, bo] = [await cloud.token({ oid: randomUUID() }), await cloud.token({ oid: randomUUID() })];
    const send = (token: string, method: string, body?: object, session?: string): Promise<Response> =>
      fetch(server.url, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: "application/json, text/event-stream",
          "content-type": "application/json",
          ...(session === undefined ? {} : { "mcp-session-id": session }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const whoami = (id: number): object => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name: "whoami" },
    });
    try {
      const opened = await send(ada, "POST", initialize);
      await opened.text();
      const session = opened.headers.get("mcp-session-id") ?? "";
      expect(session).not.toBe("");
      await send(ada, "POST", { jsonrpc: "2.0", method: "notifications/initialized" }, session);
      expect((await send(ada, "POST", whoami(2), session)).status).toBe(200);

      // Somebody else's and one that never was: the same answer.
      for (const id of [session, randomUUID()]) {
        for (const method of ["POST", "GET", "DELETE"]) {
          const answer = await send(bo, method, method === "POST" ? whoami(3) : undefined, id);
          expect([method, answer.status, await answer.json()]).toEqual([
            method,
            404,
            { jsonrpc: "2.0", error: { code: -32001, message: "Session not found" }, id: null },
          ]);
        }
      }
      expect(server.calls.length).toBe(1);

      // Bo's DELETE did nothing, Ada's ends it.
      expect((await send(ada, "POST", whoami(4), session)).status).toBe(200);
      expect((await send(ada, "DELETE", undefined, session)).status).toBe(200);
      expect((await send(ada, "POST", whoami(5), session)).status).toBe(404);
      expect(server.calls.length).toBe(2);
    } finally {
      await server.close();
      await cloud.close();
    }
  });
});

describe("the record of sessions", () => {
  test("keeps the first owner, whoever comes later with the same id", () => {
    const sessions = openSessions();
    sessions.opened("s", "ada");
    sessions.opened("s", "bo");
    expect([sessions.isOf("s", "ada"), sessions.isOf("s", "bo")]).toEqual([true, false]);
  });

  test("is bounded: the session that was used longest ago goes, and its client opens another", () => {
    const sessions = openSessions(2);
    sessions.opened("1", "ada");
    sessions.opened("2", "ada");
    expect(sessions.isOf("1", "ada")).toBe(true);
    sessions.opened("3", "bo");
    expect(["1", "2", "3"].map((id) => sessions.isOf(id, "ada"))).toEqual([true, false, false]);
    expect(sessions.isOf("3", "bo")).toBe(true);
  });

  test("a caller's key has tenant and object, so that equal objects of two tenants are two callers", () => {
    const extra = (tid: string) => ({ clientId: "c", extra: { user: { tid, oid: "o" } } });
    expect(callerOf(extra("a")).principalKey).not.toBe(callerOf(extra("b")).principalKey);
  });
});
