import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  userTokenVerifier,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { goodBody, json, refusal, tokenEndpoint, type TokenEndpoint } from "../support/token-endpoint.js";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

let entra: TokenEndpoint;
let mcp: Server;
/** Requests to the MCP server: one is answered when the test says so. */
let waiting: ServerResponse[];
let access: UserAccess;
let leaving: AbortController;

beforeEach(async () => {
  entra = await tokenEndpoint();
  waiting = [];
  leaving = new AbortController();
  mcp = createServer((request, response) => {
    request.resume();
    waiting.push(response);
  });
  await new Promise<void>((resolve) => mcp.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  await access?.close();
  await entra.close();
  mcp.closeAllConnections();
  await new Promise((resolve) => mcp.close(resolve));
});

function open(options: UserAccessOptions = {}): void {
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("not-a-real-secret"),
    cloud: { loginEndpoint: entra.origin },
  });
  const resource = protectedResource({
    url: `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp`,
    serverLabel: "contacts",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  access = userAccess(resource, [onBehalfOf(app)], options);
}

const call = (signal?: AbortSignal, context = contextFor()): Promise<Response> =>
  runWithUserContext(context, () =>
    access.fetch(access.url, { method: "POST", body: "{}", ...(signal === undefined ? {} : { signal }) }),
  );

/** Aborts, and expects that the call ends with that and at once: before anything else comes. */
async function leaves(work: Promise<unknown>): Promise<void> {
  let pending = true;
  const settled = work.then(
    () => "it went on",
    (cause: unknown) => cause,
  );
  void settled.then(() => (pending = false));
  await new Promise((resolve) => setImmediate(resolve));
  expect(pending).toBe(true);
  leaving.abort(new Error("the caller left"));
  expect(await settled).toMatchObject({ message: "the caller left" });
}

describe("a caller that leaves", () => {
  it("while the exchange is under way is let go; who waits for the same is served", async () => {
    let answer = (): void => {};
    entra.answer((form, response) => void (answer = () => json(response, 200, goodBody(form))));
    open();
    const context = contextFor();
    const [left, staying] = [call(leaving.signal, context), call(undefined, context)];
    await vi.waitFor(() => expect(entra.forms).toHaveLength(1));
    await leaves(left);
    answer();
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.end("ok");
    expect((await staying).status).toBe(200);
    expect(entra.forms).toHaveLength(1);
  });

  it("while a passing trouble of Entra is waited out is let go before the next try", async () => {
    entra.answer((_form, response) => json(response, 503, refusal("temporarily_unavailable", 90033)));
    open();
    const left = call(leaving.signal);
    await vi.waitFor(() => expect(entra.forms).toHaveLength(1));
    await leaves(left);
    expect(waiting).toEqual([]);
  });

  it("while the shared cache does not answer is let go", async () => {
    const never = (): Promise<never> => new Promise(() => {});
    const get = vi.fn(never);
    open({
      sharedCache: {
        store: { get, set: never, delete: never },
        encryptionKeys: [new Uint8Array(32).fill(7)],
      },
    });
    const left = call(leaving.signal);
    await vi.waitFor(() => expect(get).toHaveBeenCalled());
    await leaves(left);
    expect(entra.forms).toEqual([]);
  });

  it("while the MCP server is asked takes the request along", async () => {
    open();
    const left = call(leaving.signal);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    await leaves(left);
    await vi.waitFor(() => expect(waiting[0]?.destroyed).toBe(true));
  });

  it("while a refused token is exchanged for another one causes no second request", async () => {
    open();
    const left = call(leaving.signal);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    entra.answer(() => {});
    waiting[0]?.writeHead(401).end();
    await vi.waitFor(() => expect(entra.forms).toHaveLength(2));
    await leaves(left);
    expect(waiting).toHaveLength(1);
  });

  it("while the second request is under way takes that along", async () => {
    open();
    const left = call(leaving.signal);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.writeHead(401).end();
    await vi.waitFor(() => expect(waiting).toHaveLength(2));
    await leaves(left);
    await vi.waitFor(() => expect(waiting[1]?.destroyed).toBe(true));
  });

  it("while an answer is read takes the stream along", async () => {
    open();
    const asked = call(leaving.signal);
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    waiting[0]?.writeHead(200, { "content-type": "text/event-stream" }).write("data: {}\n\n");
    const reader = (await asked).body?.getReader();
    await reader?.read();
    await leaves(reader?.read() ?? Promise.resolve());
    await vi.waitFor(() => expect(waiting[0]?.destroyed).toBe(true));
  });

  it("before anything was asked asks nobody", async () => {
    open();
    leaving.abort(new Error("the caller left"));
    await expect(call(leaving.signal)).rejects.toThrow("the caller left");
    expect([entra.forms.length, waiting.length]).toEqual([0, 0]);
  });

  it("while signing keys are fetched is let go; who waits for the same keys is served", async () => {
    open();
    const emulator = await startEntra({
      apps: [{ name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] }],
      users: [{ name: "Ada" }],
    });
    try {
      const app = entraApp({
        tenantId: emulator.tenants[0]?.id ?? "",
        clientId: emulator.app("agent").clientId,
        credential: clientSecret("agent-secret"),
        cloud: emulator.cloud,
      });
      emulator.policies.add({ type: "slow", endpoint: "keys", delayMs: 100 });
      const verify = userTokenVerifier({ app });
      const userToken = await emulator.issueUserToken({ user: "Ada", app: "agent" });
      const left = createUserContext({ userToken }, { verify, signal: leaving.signal });
      const staying = createUserContext({ userToken }, { verify });
      await leaves(left);
      expect((await staying).user?.oid).toBe(emulator.user("Ada").oid);
      expect(emulator.requests.filter(({ path }) => path.endsWith("/keys"))).toHaveLength(1);
    } finally {
      await emulator.close();
    }
  });
});
