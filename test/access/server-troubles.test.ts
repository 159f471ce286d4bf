import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  HostedAgentIdentityError,
  passthrough,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { listening } from "../support/listening.js";
import { contextFor, mcpApp } from "../support/people.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let handler: Handler;
let url: string;
let close: () => Promise<void>;

beforeEach(async () => {
  const host = await listening(createServer((request, response) => handler(request, response)));
  ({ url, close } = host);
});
afterEach(() => close());

const answers =
  (status: number): Handler =>
  (_request, response) =>
    void response.writeHead(status, { "content-type": "text/html" }).end("<h1>no</h1>");
const breaksOff: Handler = (_request, response) => void response.destroy();
const post = { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
const unreachable = { serverLabel: "contacts", kind: "unreachable" };

function access(serverLabel = "contacts", options: UserAccessOptions = {}, at = url): UserAccess {
  const scopes = [`api://${mcpApp}/access_as_user`];
  return userAccess(
    protectedResource({ url: `${at}/mcp`, serverLabel, scopes, audiences: [mcpApp] }),
    [passthrough()],
    options,
  );
}

const caller = (): UserContext => contextFor({}, "resource");
const troubles = (context: UserContext): unknown[] => [...internalsOf(context).serverTroubles.values()];
const call = (contacts: UserAccess, context: UserContext, init: RequestInit = post): Promise<unknown> =>
  runWithUserContext(context, () => contacts.fetch(contacts.url, init)).then(
    ({ status }) => status,
    (error: unknown) => error,
  );

describe("what the turn knows of an MCP server that fails", () => {
  it.each([500, 502, 503, 504])("has answered %i", async (status) => {
    handler = answers(status);
    const context = caller();
    expect(await call(access(), context)).toBe(status);
    expect(troubles(context)).toEqual([{ serverLabel: "contacts", kind: "status", status }]);
  });

  it("its connection was reset; the error of fetch stays as it is", async () => {
    handler = breaksOff;
    const context = caller();
    expect(await call(access(), context)).toBeInstanceOf(TypeError);
    expect(troubles(context)).toEqual([unreachable]);
  });

  it.each([
    ["refuses connections", "http://127.0.0.1:9"],
    ["has no address", "https://nowhere.invalid"],
  ])("%s", async (_what, at) => {
    const context = caller();
    expect(await call(access("contacts", {}, at), context)).toBeInstanceOf(TypeError);
    expect(troubles(context)).toEqual([unreachable]);
  });

  it("has not answered within the caller's time limit", async () => {
    handler = () => {};
    const context = caller();
    await call(access(), context, { ...post, signal: AbortSignal.timeout(20) });
    expect(troubles(context)).toEqual([unreachable]);
  });

  it("another HTTP client says so with a code", async () => {
    const context = caller();
    const reset = Object.assign(new Error("request failed"), { name: "FetchError", code: "ECONNRESET" });
    await call(access("contacts", { fetch: () => Promise.reject(reset) }), context);
    expect(troubles(context)).toEqual([unreachable]);
  });

  it("of two servers each, and the newest trouble stands last", async () => {
    const context = caller();
    const [mail, contacts] = [access("mail"), access()];
    handler = answers(503);
    await call(mail, context);
    await call(contacts, context);
    handler = breaksOff;
    await call(mail, context);
    expect(troubles(context)).toEqual([
      { serverLabel: "contacts", kind: "status", status: 503 },
      { serverLabel: "mail", kind: "unreachable" },
    ]);
  });

  it.each([200, 202, 403, 404])("is well again with its next answer, a %i", async (status) => {
    const context = caller();
    const contacts = access();
    handler = breaksOff;
    await call(contacts, context);
    handler = answers(status);
    await call(contacts, context);
    expect(troubles(context)).toEqual([]);
  });

  it("is not forgotten because the run closes its session, and none comes of that either", async () => {
    const context = caller();
    const contacts = access("contacts", { standaloneStream: "allow" });
    handler = answers(502);
    await call(contacts, context);
    handler = answers(200);
    await call(contacts, context, { method: "DELETE" });
    expect(troubles(context)).toHaveLength(1);
    await call(contacts, context);
    handler = answers(501);
    await call(contacts, context, { method: "DELETE" });
    await call(contacts, context, { headers: { accept: "text/event-stream" } });
    expect(troubles(context)).toEqual([]);
  });
});

describe("what is no trouble of the server", () => {
  it("that the caller stopped waiting, whatever its reason", async () => {
    handler = () => {};
    for (const reason of [undefined, new Error("enough"), Object.assign(new Error("x"), { code: "X" })]) {
      const context = caller();
      const controller = new AbortController();
      const answer = call(access(), context, { ...post, signal: controller.signal });
      setTimeout(() => controller.abort(reason), 20);
      await answer;
      expect(troubles(context)).toEqual([]);
    }
  });

  it("that the request cannot be made, or that an error is our own", async () => {
    handler = answers(200);
    const context = caller();
    await call(access(), context, { ...post, headers: { "x-name": "line\nbreak" } });
    for (const error of [new HostedAgentIdentityError("closed"), new Error("a bug"), "text", null])
      await call(access("contacts", { fetch: () => Promise.reject(error) }), context);
    handler = (_request, response) => void response.writeHead(307, { location: "http://127.0.0.1:9/" }).end();
    await call(access(), context);
    expect(troubles(context)).toEqual([]);
  });

  it("what another turn has met", async () => {
    handler = breaksOff;
    const [ada, bob] = [caller(), caller()];
    await call(access(), ada);
    expect(troubles(bob)).toEqual([]);
  });
});
