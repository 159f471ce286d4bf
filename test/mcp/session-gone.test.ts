import { expect, it } from "vitest";
import { clientSessions } from "../../src/mcp/client-pool.js";

it("an error whose cause cannot be read says nothing about a session", () => {
  const error = Object.defineProperty(new Error("outer"), "cause", {
    get() {
      throw new RangeError("not now");
    },
  });
  expect(clientSessions().isGone(error, {})).toBe(false);
});

it("a client whose session was seen, and that has put it down, has lost it", () => {
  const notFound = Object.assign(new Error("HTTP 404"), { name: "MCPClientError", statusCode: 404 });
  const sessions = clientSessions();
  const client: { transport: { sessionId: string | undefined } } = { transport: { sessionId: undefined } };
  sessions.note(client);
  expect([sessions.isLost(client), sessions.isGone(notFound, client)]).toEqual([false, false]);
  client.transport.sessionId = "s";
  sessions.note(client);
  expect([sessions.isLost(client), sessions.isGone(notFound, client)]).toEqual([false, true]);
  client.transport.sessionId = undefined;
  expect([sessions.isLost(client), sessions.isGone(notFound, client)]).toEqual([true, true]);
  expect(sessions.isGone(new Error("other"), client)).toBe(false);
});
