import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { foundryToolbox, type IdentityEvent, runWithUserContext } from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { clocksOf } from "../../src/async/clocks.js";
import { agentToken, type AgentToken } from "../../src/toolbox/agent-token.js";
import { callContext, countingCredential } from "../support/toolbox-users.js";

let now: number;
let events: IdentityEvent[];
const scope = "https://ai.azure.com/.default";

beforeEach(() => {
  now = 1_000_000;
  events = [];
});

/** A credential whose answers a test gives, and how often it was asked. */
function credential(lifetimeMs = 3_600_000) {
  const waiting: { give(token: string): void; fail(error: Error): void; signal: AbortSignal | undefined }[] =
    [];
  return {
    waiting,
    getToken: (_scopes: string | string[], options?: { abortSignal?: AbortSignal }) =>
      new Promise<{ token: string; expiresOnTimestamp: number }>((resolve, reject) => {
        waiting.push({
          give: (token) => resolve({ token, expiresOnTimestamp: now + lifetimeMs }),
          fail: reject,
          signal: options?.abortSignal,
        });
      }),
  };
}

function tokenOf(from: ReturnType<typeof credential> | undefined, timeoutMs = 5_000): AgentToken {
  return agentToken({
    credential: from,
    hosted: true,
    scope,
    serverLabel: "people",
    timeoutMs,
    clocks: clocksOf(() => now),
    onEvent: (event) => events.push(event),
  });
}

const settled = (): Promise<void> => new Promise((done) => setImmediate(done));

describe("the agent's own token", () => {
  it("is asked for once, however many wait, and one who goes away takes nobody along", async () => {
    const from = credential();
    const token = tokenOf(from);
    const controller = new AbortController();
    const impatient = token.get({ signal: controller.signal });
    const others = Promise.all(Array.from({ length: 100 }, () => token.get({})));
    await settled();
    controller.abort(new Error("gone"));
    await expect(impatient).rejects.toThrow("gone");
    expect(from.waiting.map(({ signal }) => signal?.aborted)).toEqual([false]);
    await settled();
    from.waiting[0]?.give("one");
    expect(new Set((await others).map((one) => one.token))).toEqual(new Set(["one"]));
  });

  it("is renewed in its last five minutes while the old one serves, and not used in its last half minute", async () => {
    const from = credential();
    const token = tokenOf(from);
    const first = token.get({});
    await settled();
    from.waiting[0]?.give("one");
    await first;
    now += 3_600_000 - 300_001;
    expect([token.cachedToken()?.token, from.waiting.length]).toEqual(["one", 1]);
    now += 1;
    expect([token.cachedToken()?.token, token.cachedToken()?.token]).toEqual(["one", "one"]);
    await settled();
    from.waiting[1]?.give("two");
    await settled();
    expect([token.cachedToken()?.token, from.waiting.length]).toEqual(["two", 2]);
    now += 3_600_000 - 30_000;
    expect(token.cachedToken()).toBeUndefined();
  });

  it("that cannot be renewed is used to its end, and asked for again after half a minute", async () => {
    const from = credential();
    const token = tokenOf(from);
    const first = token.get({});
    await settled();
    from.waiting[0]?.give("one");
    await first;
    now += 3_600_000 - 200_000;
    token.cachedToken();
    await settled();
    from.waiting[1]?.fail(new Error("down"));
    await settled();
    expect([token.cachedToken()?.token, from.waiting.length]).toEqual(["one", 2]);
    expect(events).toContainEqual({
      type: "background_refresh_failed",
      serverLabel: "people",
      code: "client_credential_failed",
    });
    now += 30_000;
    expect(token.cachedToken()?.token).toBe("one");
    await settled();
    expect(from.waiting).toHaveLength(3);
  });

  it("is not waited for beyond its time, and the next call asks again", async () => {
    const from = credential();
    const token = tokenOf(from, 20);
    await expect(token.get({})).rejects.toMatchObject({ code: "entra_timeout" });
    expect(from.waiting[0]?.signal?.aborted).toBe(true);
    const next = token.get({});
    await settled();
    from.waiting[1]?.give("two");
    expect((await next).token).toBe("two");
  });

  it("that could not be got is an error that says what to do, and is not remembered", async () => {
    const from = credential();
    const token = tokenOf(from);
    const failed = token.get({});
    await settled();
    from.waiting[0]?.fail(new Error("no identity endpoint"));
    await expect(failed).rejects.toMatchObject({
      code: "client_credential_failed",
      help: expect.stringContaining("managed identity") as string,
    });
    const next = token.get({});
    await settled();
    from.waiting[1]?.give("two");
    expect((await next).token).toBe("two");
  });

  it("is dropped only if it is the one that was refused, and not kept after close()", async () => {
    const from = credential();
    const token = tokenOf(from);
    const first = token.get({});
    await settled();
    from.waiting[0]?.give("one");
    await first;
    token.drop("another");
    expect(token.cachedToken()?.token).toBe("one");
    token.drop("one");
    expect(token.cachedToken()).toBeUndefined();
    const late = token.get({});
    token.close();
    await settled();
    from.waiting[1]?.give("two");
    await late;
    expect(token.cachedToken()).toBeUndefined();
  });
});

describe("without a credential of the developer's", () => {
  let entra: EntraEmulator | undefined;
  afterEach(async () => {
    vi.unstubAllEnvs();
    await entra?.close();
  });

  it("the container's managed identity of @azure/identity gives it, for Foundry's audience", async () => {
    entra = await startEntra({
      apps: [],
      users: [],
      managedIdentities: [{ name: "container", systemAssigned: true }],
    });
    const [container] = entra.managedIdentity.identities;
    for (const [name, value] of Object.entries(entra.managedIdentity.env)) vi.stubEnv(name, value);
    const sent: (string | null)[] = [];
    const toolbox = foundryToolbox({
      name: "people",
      environment: { hosted: true, projectEndpoint: "https://x.services.ai.azure.com/api/projects/p" },
      fetch: async (_url, init) => {
        sent.push(new Headers(init?.headers).get("authorization"));
        return Response.json({ jsonrpc: "2.0", id: 1, result: {} });
      },
    });
    for (const callId of ["one", "two"]) {
      await runWithUserContext(callContext(callId), () => toolbox.fetch(toolbox.url));
    }
    const [, payload = ""] = sent[0]?.split(".") ?? [];
    expect(JSON.parse(Buffer.from(payload, "base64url").toString())).toMatchObject({
      aud: expect.stringMatching(/^https:\/\/ai\.azure\.com/) as string,
      oid: container?.objectId,
    });
    expect(new Set(sent).size).toBe(1);
    expect(entra.requests.filter(({ grantType }) => grantType === "managed_identity")).toHaveLength(1);
  });

  it("is not asked for before it is needed", () => {
    const from = countingCredential();
    foundryToolbox({ name: "people", projectEndpoint: "https://x.example/api", credential: from });
    expect(from.asked).toEqual([]);
  });
});
