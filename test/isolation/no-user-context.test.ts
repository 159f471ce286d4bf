import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import {
  type ClientCredential,
  createUserContext,
  entraApp,
  federatedCredential,
  type FetchLike,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  tryGetUserContext,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { goodBody, json, tokenEndpoint, unsigned, type TokenEndpoint } from "../support/token-endpoint.js";

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface Harness {
  access: UserAccess;
  endpoint: TokenEndpoint;
}

async function harness(
  credential: ClientCredential,
  options: { fetch?: FetchLike; now?: () => number; resourceFetch?: FetchLike } = {},
): Promise<Harness> {
  const endpoint = await tokenEndpoint();
  const { fetch, now, resourceFetch } = options;
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential,
    cloud: { loginEndpoint: endpoint.origin },
    ...(fetch === undefined ? {} : { fetch }),
    ...(now === undefined ? {} : { now }),
  });
  const access = userAccess(
    protectedResource({
      url: "https://people.example.com/mcp",
      serverLabel: "people",
      scopes: [`api://${mcpApp}/people.read`],
      audiences: [mcpApp],
    }),
    [onBehalfOf(app)],
    { fetch: resourceFetch ?? (async () => new Response("ok")), ...(now === undefined ? {} : { now }) },
  );
  stops.push(access.close, app.close, endpoint.close);
  return { access, endpoint };
}

const assertion = async (): Promise<string> => unsigned({ exp: Math.floor(Date.now() / 1000) + 600 });

describe("shared work runs with no user context", () => {
  test("the callback of a federated credential, and every request to Entra", async () => {
    const seen: unknown[] = [];
    const { access } = await harness(
      federatedCredential(async () => {
        await sleep(1);
        seen.push(tryGetUserContext());
        return assertion();
      }),
      {
        fetch: (input, init) => {
          seen.push(tryGetUserContext());
          return fetch(input, init);
        },
      },
    );
    const ana = contextFor();
    await runWithUserContext(ana, async () => {
      await access.token();
      expect(tryGetUserContext()).toBe(ana);
    });
    expect(seen).toEqual([undefined, undefined]);
  });

  test("the app's own proof, whoever asks for it", async () => {
    const seen: unknown[] = [];
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: federatedCredential(async () => {
        seen.push(tryGetUserContext());
        return assertion();
      }),
    });
    await runWithUserContext(contextFor(), () =>
      entraAppInternals(app).authenticate(tenant, 0, new AbortController().signal),
    );
    expect(seen).toEqual([undefined]);
  });

  test("a refresh of the signing keys", async () => {
    const seen: unknown[] = [];
    await using entra = await startEntra({
      apps: [{ name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] }],
      users: [{ name: "ana" }],
    });
    const app = entraApp({
      tenantId: entra.tenants[0]?.id ?? "",
      clientId: entra.app("agent").clientId,
      credential: federatedCredential(assertion),
      cloud: entra.cloud,
    });
    const verify = userTokenVerifier({
      app,
      fetch: async (input, init) => {
        await sleep(1);
        seen.push(tryGetUserContext());
        return fetch(input, init);
      },
    });
    const userToken = await entra.issueUserToken({ user: "ana", app: "agent" });
    const context = await runWithUserContext(contextFor(), () =>
      createUserContext({ userToken }, { verify }),
    );
    expect(context.user?.oid).toBe(entra.user("ana").oid);
    expect(seen.length).toBeGreaterThan(0);
    expect(new Set(seen)).toEqual(new Set([undefined]));
  });

  test("a refresh in the background, which no user waits for", async () => {
    let time = Date.now();
    const contexts: unknown[] = [];
    const { access, endpoint } = await harness(federatedCredential(assertion), {
      now: () => time,
      fetch: (input, init) => {
        contexts.push(tryGetUserContext());
        return fetch(input, init);
      },
    });
    endpoint.answer((form, response) => json(response, 200, goodBody(form, { refresh_in: 600 })));
    const ana = contextFor();
    await runWithUserContext(ana, () => access.token());
    time += 3000_000;
    await runWithUserContext(ana, () => access.token());
    ana.end();
    await expect.poll(() => endpoint.forms.length).toBe(2);
    expect(contexts).toEqual([undefined, undefined]);
  });
});

describe("a timer that fires after the turn", () => {
  test("gets no token, sends nothing and opens no client", async () => {
    const requests: unknown[] = [];
    const opened: unknown[] = [];
    const { access, endpoint } = await harness(federatedCredential(assertion), {
      resourceFetch: async (input) => {
        requests.push(input);
        return new Response("ok");
      },
    });
    const pool = mcpClientPool({ open: async () => opened.push(1), close: async () => {} });
    stops.push(pool.close);
    const ana = contextFor();
    let fired: (results: PromiseSettledResult<unknown>[]) => void = () => {};
    const late = new Promise<PromiseSettledResult<unknown>[]>((resolve) => (fired = resolve));
    await runWithUserContext(ana, async () => {
      await access.token();
      setTimeout(() => {
        expect(tryGetUserContext()).toBe(ana);
        const calls = [access.token(), access.fetch(access.url), pool.use(() => {}), pool.lease()];
        void Promise.allSettled(calls).then(fired);
      }, 5);
    });
    ana.end();
    const codes = (await late).map((result) =>
      result.status === "rejected" ? result.reason.code : "got through",
    );
    expect(codes).toEqual(Array.from({ length: 4 }, () => "context_ended"));
    expect(endpoint.forms).toHaveLength(1);
    expect(requests).toEqual([]);
    expect(opened).toEqual([]);
  });

  test("gets nothing either when Entra answers only after the turn", async () => {
    const { access, endpoint } = await harness(federatedCredential(assertion));
    let answer = (): void => {};
    endpoint.answer(async (form, response) => {
      await new Promise<void>((resolve) => (answer = resolve));
      json(response, 200, goodBody(form));
    });
    const ana = contextFor();
    const pending = runWithUserContext(ana, () => access.token());
    await expect.poll(() => endpoint.forms.length).toBe(1);
    ana.end();
    answer();
    await expect(pending).rejects.toMatchObject({ code: "context_ended" });
  });
});
