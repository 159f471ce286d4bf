import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { runWithUserContext, type UserAccess } from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { accessTo } from "../support/eliciting-server.js";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Resets the connections of the first requests, as of idle ones that it has dropped, and answers the others. */
async function resetting(times: number): Promise<{ access: UserAccess; seen: string[] }> {
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    let text = "";
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      text += chunk.toString();
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
      if (end < 0 || text.length < end + 4 + length) return undefined;
      const [line = ""] = text.split(" ");
      seen.push(/"method":"([^"]+)"/.exec(text)?.[1] ?? line);
      text = "";
      if (seen.length <= times) return void socket.resetAndDestroy();
      return void socket.end(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}",
      );
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const access = accessTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  stops.push(
    () => new Promise((closed) => server.close(closed)),
    () => access.close(),
    () => sockets.forEach((socket) => socket.destroy()),
  );
  return { access, seen };
}

const asked = (access: UserAccess, method: string, init: RequestInit = {}): Promise<string> =>
  runWithUserContext(testUserContext(), () =>
    access.fetch(access.url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { name: "t" } }),
      ...init,
    }),
  ).then(
    (response) => response.text(),
    (error: { cause?: { code?: string } }) => String(error.cause?.code ?? error),
  );

describe("a connection that is reset before the answer begins", () => {
  it.each(["initialize", "tools/list", "ping", "resources/read", "prompts/list", "server/discover"])(
    "costs %s nothing: it is sent again",
    async (method) => {
      const { access, seen } = await resetting(1);
      expect(await asked(access, method)).toBe("{}");
      expect(seen).toEqual([method, method]);
    },
  );

  it("costs a GET nothing", async () => {
    const { access, seen } = await resetting(1);
    expect(await asked(access, "", { method: "GET", body: null })).toBe("{}");
    expect(seen).toEqual(["GET", "GET"]);
  });

  it.each(["tools/call", "tasks/cancel", "made/up"])("fails %s, which may have acted", async (method) => {
    const { access, seen } = await resetting(1);
    expect(await asked(access, method)).toMatch(/^(ECONNRESET|UND_ERR_SOCKET)$/);
    expect(seen).toEqual([method]);
  });

  it("fails a batch", async () => {
    const { access, seen } = await resetting(1);
    const body = JSON.stringify([{ jsonrpc: "2.0", id: 1, method: "tools/list" }]);
    expect(await asked(access, "", { body })).toMatch(/RESET|SOCKET/);
    expect(seen).toEqual(["tools/list"]);
  });

  it("fails a request that it happens to twice", async () => {
    const { access, seen } = await resetting(3);
    expect(await asked(access, "tools/list")).toMatch(/RESET|SOCKET/);
    expect(seen).toEqual(["tools/list", "tools/list"]);
  });
});

it("a server that is not there is asked once", async () => {
  let asks = 0;
  const refused = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } });
  const access = accessTo("http://127.0.0.1:9/mcp", undefined, {
    fetch: async () => {
      asks += 1;
      throw refused;
    },
  });
  stops.push(() => access.close());
  expect(await asked(access, "tools/list")).toBe("ECONNREFUSED");
  expect(asks).toBe(1);
});

it("a request whose caller has left is not sent again", async () => {
  let asks = 0;
  const controller = new AbortController();
  const reset = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNRESET" } });
  const access = accessTo("http://127.0.0.1:9/mcp", undefined, {
    fetch: async () => {
      asks += 1;
      controller.abort();
      throw reset;
    },
  });
  stops.push(() => access.close());
  expect(await asked(access, "tools/list", { signal: controller.signal })).toBe("ECONNRESET");
  expect(asks).toBe(1);
});
