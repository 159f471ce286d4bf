import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  type HostedAgentIdentityError,
  type IdentityEvent,
  isHostedAgentIdentityError,
  type TokenExchangeError,
  type UserContext,
} from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { exchangeOnBehalfOf } from "../../src/exchange/token-request.js";
import type { ExchangedToken } from "../../src/exchange/token-answer.js";
import { agentApp, contextFor, leaks, mcpApp, tenant } from "../support/people.js";
import {
  goodBody,
  json,
  refusal,
  tokenEndpoint,
  unsigned,
  type TokenEndpoint,
} from "../support/token-endpoint.js";

const secret = "s3cr3t-value-that-must-never-be-seen-anywhere";
let entra: TokenEndpoint;
const events: IdentityEvent[] = [];

beforeEach(async () => {
  entra = await tokenEndpoint();
  events.length = 0;
});
afterEach(() => entra.close());

function app(more: Partial<EntraAppOptions> = {}): EntraApp {
  return entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret(secret),
    cloud: { loginEndpoint: entra.origin },
    onEvent: (event) => void events.push(event),
    ...more,
  });
}

function exchange(
  client: EntraApp,
  context: UserContext,
  more: { claims?: string; signal?: AbortSignal } = {},
): Promise<ExchangedToken> {
  return exchangeOnBehalfOf(entraAppInternals(client), {
    resource: "https://contacts.example.com/mcp",
    assertion: internalsOf(context).assertion?.token ?? "",
    account: context.user ?? { tid: "", oid: "" },
    scopes: [`api://${mcpApp}/access_as_user`],
    claims: more.claims,
    signal: more.signal ?? new AbortController().signal,
  });
}

async function refused(work: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await work.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!isHostedAgentIdentityError(error)) throw error;
  return error;
}

describe("the on-behalf-of exchange, sent by MSAL", () => {
  it("asks the assertion's tenant for scopes of one resource and sends no resource parameter", async () => {
    const context = contextFor();
    const token = await exchange(app(), context);
    expect(entra.paths.map((path) => path.split("?")[0])).toEqual([`/${tenant}/oauth2/v2.0/token`]);
    const form = entra.forms[0];
    expect(form?.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    expect(form?.get("requested_token_use")).toBe("on_behalf_of");
    expect(form?.get("assertion")).toBe(internalsOf(context).assertion?.token);
    expect(form?.get("client_secret")).toBe(secret);
    expect(form?.get("scope")?.split(" ")).toContain(`api://${mcpApp}/access_as_user`);
    expect(form?.has("resource")).toBe(false);
    expect(token.expiresAt - Date.now()).toBeGreaterThan(3_590_000);
    expect(token.refreshAt - Date.now()).toBeLessThan(2_881_000);
  });

  it("goes to the assertion's own tenant, not to the app's home", async () => {
    const guestTenant = "aaaaaaaa-0000-4000-8000-00000000000f";
    await exchange(app({ allowedTenants: [tenant, guestTenant] }), contextFor({ tid: guestTenant }));
    expect(entra.paths[0]).toMatch(new RegExp(`^/${guestTenant}/`));
  });

  it("relays a claims challenge to Entra", async () => {
    await exchange(app(), contextFor(), {
      claims: '{"access_token":{"nbf":{"essential":true,"value":"1"}}}',
    });
    expect(JSON.parse(entra.forms[0]?.get("claims") ?? "{}")).toMatchObject({
      access_token: { nbf: { essential: true, value: "1" } },
    });
  });

  it.each<[string, (form: URLSearchParams) => Record<string, unknown>]>([
    [
      "another person's id token",
      (form) => goodBody(form, { id_token: unsigned({ oid: "someone-else", tid: tenant, aud: agentApp }) }),
    ],
    [
      "the right person of another tenant",
      (form) => goodBody(form, { id_token: unsigned({ oid: "x", tid: "other", aud: agentApp }) }),
    ],
    ["an id token made for another client", (form) => ({ ...goodBody(form), ...forClient(form, mcpApp) })],
    ["no id token", (form) => goodBody(form, { id_token: undefined })],
  ])("refuses a token that came with %s, and raises an event", async (_what, body) => {
    entra.answer((form, response) => json(response, 200, body(form)));
    const error = await refused(exchange(app(), contextFor()));
    expect(error.code).toBe("wrong_user");
    expect(events.map(({ type }) => type)).toEqual(["wrong_user"]);
  });

  it.each<[string, number, unknown, string, string]>([
    [
      "consent is missing",
      400,
      refusal("invalid_grant", 65001, { suberror: "consent_required" }),
      "token_exchange_failed",
      "consent",
    ],
    [
      "multi-factor is demanded",
      400,
      refusal("interaction_required", 50076, { claims: '{"access_token":{}}' }),
      "step_up_required",
      "stepup",
    ],
    [
      "a policy blocks",
      400,
      refusal("invalid_grant", 53003, { suberror: "message_only", claims: "{}" }),
      "token_exchange_failed",
      "blocked",
    ],
    [
      "the assertion is too old",
      400,
      refusal("invalid_grant", 500133, { error_codes: [70002, 500133] }),
      "sign_in_required",
      "signin",
    ],
    [
      "the assertion is an application's",
      400,
      refusal("unauthorized_client", 7000114),
      "token_exchange_failed",
      "config",
    ],
    [
      "no federated credential matches",
      401,
      refusal("invalid_client", 700213),
      "token_exchange_failed",
      "config",
    ],
    ["Entra sees a loop", 400, refusal("invalid_grant", 50196), "token_exchange_failed", "loop"],
    // Never a demand to sign in: the next answer would be the same.
    ["an unknown code comes", 400, refusal("invalid_grant", 999_999), "token_exchange_failed", "config"],
    ["an unknown policy blocks", 400, refusal("invalid_grant", 530999), "token_exchange_failed", "blocked"],
    ["the tenant lacks the app", 401, refusal("invalid_client", 7000229), "token_exchange_failed", "admin"],
  ])(
    "classifies it when %s, with one request and the trace ids kept",
    async (_what, status, body, code, category) => {
      entra.answer((_form, response) => json(response, status, body));
      const error = (await refused(exchange(app(), contextFor()))) as TokenExchangeError;
      expect([error.code, error.category]).toEqual([code, category]);
      expect(error.traceId).toBe("11111111-1111-1111-1111-111111111111");
      expect(error.correlationId).toBe("22222222-2222-2222-2222-222222222222");
      expect(entra.forms).toHaveLength(1);
      expect(error.help.length).toBeGreaterThan(10);
      expect(error.message).toMatch(new RegExp(`^AADSTS${Math.max(...error.errorCodes)}: `));
      expect(JSON.stringify(error) + inspect(error)).not.toContain("secret-looking-description");
    },
  );

  it("tries a refused secret's successor once, and keeps the one that works", async () => {
    entra.answer((form, response) =>
      form.get("client_secret") === "new-secret"
        ? json(response, 200, goodBody(form))
        : json(response, 401, refusal("invalid_client", 7000222)),
    );
    const client = app({ credential: clientSecret("old-secret", "new-secret") });
    await exchange(client, contextFor());
    await exchange(client, contextFor());
    expect(entra.forms.map((form) => form.get("client_secret"))).toEqual([
      "old-secret",
      "new-secret",
      "new-secret",
    ]);
  });

  it("gives up on a refused credential after one more try", async () => {
    entra.answer((_form, response) => json(response, 401, refusal("invalid_client", 7000215)));
    const error = await refused(exchange(app(), contextFor()));
    expect([error.code, error.category]).toEqual(["client_credential_failed", "cred"]);
    expect(entra.forms).toHaveLength(2);
  });

  it("tries a passing trouble again, at most twice", async () => {
    let tries = 0;
    entra.answer((form, response) => {
      tries += 1;
      if (tries < 3) json(response, 503, refusal("temporarily_unavailable", 90033));
      else json(response, 200, goodBody(form));
    });
    await exchange(app(), contextFor());
    expect(tries).toBe(3);
    entra.answer((_form, response) => json(response, 503, refusal("temporarily_unavailable", 90033)));
    const error = await refused(exchange(app(), contextFor()));
    expect(error.category).toBe("retry");
    expect(entra.forms).toHaveLength(6);
  });

  it("does not try again when throttled, and says how long to wait", async () => {
    entra.answer((_form, response) =>
      json(response, 429, refusal("temporarily_unavailable", 90055), { "retry-after": "17" }),
    );
    const error = await refused(exchange(app(), contextFor()));
    expect([error.category, error.retryAfterMs]).toEqual(["throttle", 17_000]);
    expect(entra.forms).toHaveLength(1);
  });

  it("names a page of HTML in Entra's place", async () => {
    entra.answer(
      (_form, response) =>
        void response
          .writeHead(200, { "content-type": "text/html" })
          .end("<h1>Sign in to the hotel network</h1>"),
    );
    const error = await refused(exchange(app(), contextFor()));
    expect(error.code).toBe("entra_bad_response");
    expect(error.message).toContain("text/html");
    expect(error.message).not.toContain("hotel");
  });

  it("gives up on a silent Entra after timeoutMs", async () => {
    entra.answer(() => {});
    const error = await refused(exchange(app({ timeoutMs: 60 }), contextFor()));
    expect(error.code).toBe("entra_timeout");
  });

  it("gives up on a body that never ends", async () => {
    entra.answer(
      (_form, response) =>
        void response.writeHead(200, { "content-type": "application/json" }).write('{"access_token":"'),
    );
    const error = await refused(exchange(app({ timeoutMs: 100 }), contextFor()));
    expect(error.code).toBe("entra_timeout");
  });

  it("names an Entra that cannot be reached", async () => {
    const client = app();
    await entra.close();
    const error = await refused(exchange(client, contextFor()));
    expect(error.code).toBe("entra_unreachable");
    expect(error.message).toContain("ECONNREFUSED");
    entra = await tokenEndpoint();
  });

  it("sends a burst of many users in turns", async () => {
    let started = 0;
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const held: typeof fetch = async (url, init) => {
      started += 1;
      await opened;
      return fetch(url, init);
    };
    const client = app({ fetch: held, timeoutMs: 60_000 });
    const burst = Promise.allSettled(Array.from({ length: 200 }, () => exchange(client, contextFor())));
    await vi.waitFor(() => expect(started).toBe(128));
    await new Promise((resolve) => setImmediate(resolve));
    expect(started).toBe(128);
    open();
    expect((await burst).filter(({ status }) => status === "rejected")).toEqual([]);
    expect(started).toBe(200);
  });

  it("sends none of those who waited in line when Entra has asked the others to wait", async () => {
    entra.answer((_form, response) => json(response, 429, { error: "temporarily_unavailable" }));
    const client = app({ timeoutMs: 60_000 });
    const burst = await Promise.all(
      Array.from({ length: 400 }, () => refused(exchange(client, contextFor()))),
    );
    expect(burst.filter(({ code }) => code === "backing_off").length).toBeGreaterThan(100);
  });

  it("lets an abort of the caller through unchanged", async () => {
    entra.answer(() => {});
    const controller = new AbortController();
    const work = exchange(app(), contextFor(), { signal: controller.signal });
    controller.abort(new Error("the caller left"));
    await expect(work).rejects.toThrow("the caller left");
  });

  it("shows neither secret nor assertion in any error", async () => {
    const context = contextFor();
    const assertion = internalsOf(context).assertion?.token ?? "";
    const bodies = [refusal("invalid_grant", 65001), refusal("invalid_client", 7000215), { error: 7 }, []];
    for (const body of bodies) {
      entra.answer((_form, response) => json(response, 400, body));
      const error = await refused(exchange(app(), context));
      const shown = `${JSON.stringify(error)}${inspect(error, { depth: 10, showHidden: true })}${String(error.stack)}`;
      expect(leaks(shown, assertion)).toBe(false);
      expect(leaks(shown, secret)).toBe(false);
    }
    expect(leaks(inspect(app(), { depth: 10, showHidden: true }), secret)).toBe(false);
  });
});

function forClient(form: URLSearchParams, aud: string): Record<string, unknown> {
  const body = goodBody(form);
  const claims = JSON.parse(
    Buffer.from(String(body["id_token"]).split(".")[1] ?? "", "base64url").toString(),
  ) as Record<string, unknown>;
  return { id_token: unsigned({ ...claims, aud }) };
}
