import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createMCPClient } from "@ai-sdk/mcp";
import { Agent, fetch as undiciFetch } from "undici";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type FetchLike,
  HostedAgentIdentityError,
  passthrough,
  protectedResource,
  runWithUserContext,
  TokenExchangeError,
  userAccess,
  type UserAccess,
  type UserContext,
} from "hosted-agent-identity";
import { failureFrom } from "../../src/turn/failure.js";
import { listening } from "../support/listening.js";
import { contextFor, mcpApp } from "../support/people.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let handler: Handler;
let origin: string;
let close: () => Promise<void>;
beforeEach(async () => {
  const host = await listening(createServer((request, response) => handler(request, response)));
  origin = host.url;
  close = host.close;
});
afterEach(() => close());

const generic = { code: "server_error", message: "The agent could not finish this response." };

function access(serverLabel = "contacts", fetch?: FetchLike): UserAccess {
  const scopes = [`api://${mcpApp}/access_as_user`];
  return userAccess(
    protectedResource({ url: `${origin}/secret-path/mcp`, serverLabel, scopes, audiences: [mcpApp] }),
    [passthrough()],
    fetch && { fetch },
  );
}

/** What a framework throws for a server that fails, and the context of its turn. */
async function failed(serverLabel?: string, context: UserContext = contextFor({}, "resource")) {
  const { url, fetch } = access(serverLabel);
  const error = await runWithUserContext(context, () =>
    createMCPClient({ transport: { type: "http", url: url.href, fetch } }),
  ).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  return { error, context };
}

describe("a turn that fails because of its MCP server", () => {
  test("says which one answered what, and nothing of the answer or the address", async () => {
    handler = (_request, response) => void response.writeHead(502).end("<h1>upstream db-7 is down</h1>");
    const { error, context } = await failed();
    expect(error).toBeInstanceOf(Error);
    const failure = failureFrom(error, context);
    expect(failure).toEqual({
      code: "mcp_server_failed",
      message:
        'The MCP server "contacts" answered 502. Try again. If it keeps failing, check the logs of the MCP server, or of the gateway in front of it.',
    });
    expect(JSON.stringify(failure)).not.toMatch(/db-7|secret-path|127\.0\.0\.1/);
  });

  test("says which one could not be reached", async () => {
    handler = (_request, response) => void response.destroy();
    const { error, context } = await failed();
    expect(failureFrom(error, context)).toEqual({
      code: "mcp_server_unreachable",
      message:
        'The MCP server "contacts" could not be reached. Try again. If it keeps failing, check that the MCP server is running and that this host can reach it.',
    });
  });

  test.each(["headers", "body"])(
    "says which one was silent for too long, and the way out (%s)",
    async (what) => {
      // Node's own limits are 300 s.
      const dispatcher = new Agent({ headersTimeout: 500, bodyTimeout: 500 });
      handler = (_request, response) => {
        if (what === "body") response.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
      };
      const context = contextFor({}, "resource");
      const limited = (url: string | URL | Request, init?: RequestInit): Promise<Response> =>
        undiciFetch(
          url as string,
          { ...init, dispatcher } as Parameters<typeof undiciFetch>[1],
        ) as unknown as Promise<Response>;
      const { url, fetch } = access("contacts", limited);
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "slow" } });
      const error: unknown = await runWithUserContext(context, async () =>
        (await fetch(url, { method: "POST", body })).text(),
      ).catch((cause: unknown) => cause);
      // The end of the body is noticed beside its reader.
      await expect
        .poll(() => failureFrom(error, context))
        .toEqual({
          code: "mcp_server_unreachable",
          message: expect.stringMatching(
            /^The MCP server "contacts" sent nothing for too long\. Node\.js ends an answer .* bodyTimeout and headersTimeout/,
          ),
        });
      await dispatcher.close();
    },
  );

  test("names every server in trouble, the newest first, and at most four", async () => {
    handler = (_request, response) => void response.writeHead(503).end();
    const { context } = await failed("a");
    for (const label of ["b", "c", "d", "e"]) await failed(label, context);
    const { message } = failureFrom(new Error("foreign"), context);
    expect(message.match(/server "\w"/g)).toEqual(['server "e"', 'server "d"', 'server "c"', 'server "b"']);
  });

  test("is nobody else's: without the context, or in another one, nothing is known", async () => {
    handler = (_request, response) => void response.destroy();
    const { error } = await failed();
    expect(failureFrom(error)).toEqual(generic);
    expect(failureFrom(error, contextFor())).toEqual(generic);
  });

  test("says what is wrong with the user's token, if that is what failed", async () => {
    handler = (_request, response) => void response.writeHead(500).end();
    const { context } = await failed();
    const own = new TokenExchangeError("step_up_required", "More.", { claims: '{"access_token":{}}' });
    const wrapped = new Error("tool failed", { cause: own });
    expect(failureFrom(wrapped, context)).toEqual({
      code: "step_up_required",
      message: "More.",
      additionalInfo: { claims: '{"access_token":{}}' },
    });
    expect(failureFrom(new HostedAgentIdentityError("closed"), context).code).toBe("closed");
  });
});

test("of an error that nobody knows, nothing is said", () => {
  for (const error of [new Error("secret"), "secret", undefined, null, { message: "secret" }])
    expect(failureFrom(error, contextFor())).toEqual(generic);
});
