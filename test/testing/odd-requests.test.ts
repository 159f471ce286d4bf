import { connect } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";

let entra: EntraEmulator;
let foundry: FoundryEmulator;
beforeAll(async () => {
  entra = await startEntra({ apps: [{ name: "agent" }], users: [{ name: "Ada" }] });
  foundry = await startFoundry({
    entra,
    readiness: "skip",
    toolboxes: [
      { name: "tools", sources: [{ name: "local", server: () => new Response(), auth: { type: "none" } }] },
    ],
  });
});
afterAll(async () => {
  await foundry.close();
  await entra.close();
});

/** The status line of the answer to a request whose target no client library would send. */
function asked(origin: string, target: string): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () =>
      socket.write(`GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`),
    );
    socket.once("data", (data) => resolve(data.toString("latin1").split("\r\n")[0] ?? ""));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The connection was closed.")));
  });
}

it.each(["//", "///x", "*", "http://[", "http://evil.example.com/x", "//evil.example.com/login"])(
  "a request for %s is answered, and ends no test run",
  async (target) => {
    // The second from the HTTP parser of Node, which takes no such target.
    expect(await asked(entra.origin, target)).toMatch(/^HTTP\/1.1 40[04] /);
    expect(await asked(foundry.url, target)).toMatch(/^HTTP\/1.1 40[04] /);
  },
);

it("a tool whose name is no text is not found", async () => {
  const token = await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "agent" });
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: { toString: 1 } } };
  const answer = await fetch(foundry.toolboxUrl("tools"), {
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json",
    },
    body: JSON.stringify(message),
  });
  expect(answer.status).not.toBe(500);
  expect(foundry.log.flatMap(({ violations = [] }) => violations)).not.toContainEqual(
    expect.stringContaining("the emulator failed"),
  );
});
