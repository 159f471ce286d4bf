import { isTokenExchangeError } from "hosted-agent-identity";
import { clocksOf } from "../../../src/async/clocks.js";
import { exchangeAuthorizationCode } from "../../../src/exchange/authorization-code-exchange.js";
import type { EntraAppInternals } from "../../../src/exchange/entra-app.js";
import { requestTokens } from "../../../src/exchange/token-request.js";
import { isEnumerating, isWithoutEffect } from "../../../src/access/rpc-method.js";
import { retryPlan } from "../../../src/toolbox/network.js";
import { signInChallenge } from "../../../src/turn/error-envelope.js";
import { field, textsIn, valueIn, type FuzzTarget, type Input } from "../target.js";
import { answer, clientId, encoded, facts, now, oid, otherClient, personClaims, tenant } from "./people.js";

const nonce = "nonce-1";
const idToken = (claims: object = {}): string =>
  `${encoded({ alg: "RS256" })}.${encoded({ ...personClaims, aud: clientId, nonce, ...claims })}.c2lnbmF0dXJlLW9mLWVudHJh`;
const agentToken = `${encoded({ alg: "RS256" })}.${encoded({ ...personClaims, azp: otherClient })}.c2lnbmF0dXJl`;
const accessToken = "0.AXoAopaque-access-token-5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGhIj";
const good = {
  token_type: "Bearer",
  expires_in: 3599,
  refresh_in: 1800,
  access_token: accessToken,
  refresh_token: "0.ARoArefresh-token-ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210",
  id_token: idToken(),
};
const refusal = {
  error: "invalid_grant",
  suberror: "basic_action",
  error_codes: [50076, 70002],
  error_description: "AADSTS50076: text that nobody may rely on",
  claims: '{"access_token":{"capolids":{"essential":true,"values":["x"]}}}',
  trace_id: "t",
  correlation_id: "c",
};

interface Network {
  sendPostRequestAsync(url: string, options: object): Promise<unknown>;
}

/** Sends one request through the given network and makes nothing of the answer, as MSAL does for us. */
class PlainClient {
  readonly #network: Network;
  constructor(options: { system: { networkClient: Network } }) {
    this.#network = options.system.networkClient;
  }
  #send(): Promise<unknown> {
    return this.#network.sendPostRequestAsync(
      `https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`,
      { headers: {}, body: "a=b" },
    );
  }
  acquireTokenByCode = (): Promise<unknown> => this.#send();
  acquireTokenOnBehalfOf = (): Promise<unknown> => this.#send();
  acquireTokenByClientCredential = (): Promise<unknown> => this.#send();
}

function appFor(input: Input): EntraAppInternals {
  const body = valueIn(input, "body");
  const text = typeof body === "string" ? body : (JSON.stringify(body) ?? "");
  const fetch = async (): Promise<Response> => {
    if (text === "reset")
      throw new TypeError("fetch failed", {
        cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }),
      });
    if (text === "reset plainly") throw new TypeError("fetch failed");
    if (text === "huge") return answer("x".repeat(1_048_577), 200);
    return answer(text, valueIn(input, "status"), valueIn(input, "headers"));
  };
  return {
    facts,
    fetch,
    now: () => now,
    clocks: clocksOf(() => now),
    backOff: { run: (_asking, exchange) => exchange() },
    turns: { run: (_signal, request) => request() },
    timeoutMs: 10_000,
    capabilities: [],
    onEvent: undefined,
    authenticate: async () => ({ secret: "s" }),
    msal: async () => ({ ConfidentialClientApplication: PlainClient }) as never,
    authorityMetadata: () => "{}",
    agentIdentities: new Map(),
    backoffMs: () => 0,
  };
}

export const entraTargets: readonly FuzzTarget[] = [
  {
    name: "answers of the token endpoint",
    from: "Entra, and every proxy on the way",
    files: [
      "src/exchange/token-answer.ts",
      "src/exchange/token-request.ts#isPassing",
      "src/exchange/network-module.ts#readAnswer,parseObject,asFailure,reasonOf,capturingNetwork",
      "src/input/json-limits.ts#boundedText",
      "src/exchange/authorization-code-exchange.ts",
      "src/entra/classify.ts",
      "src/turn/error-envelope.ts#signInChallenge",
    ],
    shape: "fields",
    seeds: [
      { kind: "code", status: 200, body: good },
      { kind: "code", status: 200, body: { ...good, id_token: idToken({ nonce: "other" }) } },
      { kind: "code", status: 200, body: { ...good, id_token: idToken({ tid: undefined }) } },
      {
        kind: "code",
        status: 200,
        body: {
          ...good,
          id_token: idToken({ tid: otherClient, name: undefined, preferred_username: undefined }),
        },
      },
      { kind: "code", status: 200, body: { ...good, refresh_token: undefined } },
      {
        kind: "code",
        status: 200,
        body: { ...good, id_token: idToken({ idp: "https://sts.windows.net/x/" }) },
      },
      {
        kind: "code",
        status: 200,
        body: { ...good, id_token: idToken({ name: undefined, preferred_username: undefined }) },
      },
      { kind: "obo", status: 200, body: { ...good, expires_in: "3599", refresh_in: undefined } },
      { kind: "obo", status: 200, body: { ...good, id_token: idToken({ oid: clientId }) } },
      { kind: "obo", status: 200, body: { ...good, id_token: idToken({ aud: "other" }) } },
      { kind: "obo", status: 200, body: { ...good, id_token: undefined } },
      { kind: "obo", status: 200, body: { ...good, token_type: { toString: 1 } } },
      { kind: "obo", status: 200, body: { ...good, token_type: "pop" } },
      { kind: "agent", status: 200, body: { ...good, id_token: undefined, access_token: agentToken } },
      {
        kind: "agent",
        status: 200,
        body: { ...good, id_token: undefined, access_token: idToken({ azp: "x" }) },
      },
      { kind: "agent", status: 200, body: { ...good, id_token: undefined } },
      { kind: "agent", status: 200, body: good },
      { kind: "agent", status: 400, body: { ...refusal, error_codes: [700_211, 82_001] } },
      { kind: "nobody", status: 200, body: { ...good, id_token: 5 } },
      { kind: "obo", status: 400, body: refusal },
      {
        kind: "obo",
        status: 400,
        body: { error: "invalid_grant", error_codes: [65_001], suberror: "consent_required" },
      },
      { kind: "obo", status: 400, body: { error: "interaction_required", error_codes: ["x", 1.5] } },
      { kind: "obo", status: 400, body: { error: "invalid_grant", claims: "{}" } },
      { kind: "obo", status: 401, body: { error: "invalid_client", error_codes: [7_000_222] } },
      { kind: "obo", status: 401, body: { error: "invalid_client", error_codes: [700_213] } },
      { kind: "obo", status: 400, body: { error: 'no such error, "says" nobody ' } },
      { kind: "obo", status: 400, body: { error_codes: [50_196] } },
      { kind: "obo", status: 429, body: "Too many", headers: { "retry-after": "30" } },
      {
        kind: "obo",
        status: 503,
        body: "<html>",
        headers: { "retry-after": "Mon, 23 Nov 2026 07:28:00 GMT", date: "Mon, 23 Nov 2026 07:27:00 GMT" },
      },
      { kind: "obo", status: 503, body: "{}", headers: { "retry-after": "soon", date: "never" } },
      { kind: "retried", status: 500, body: { error: "temporarily_unavailable" } },
      { kind: "obo", status: 200, body: "<html>", headers: { "content-type": "text/html" } },
      { kind: "obo", status: 404, body: "[]" },
      { kind: "obo", status: 200, body: "reset" },
      { kind: "obo", status: 200, body: "huge" },
      { kind: "obo", status: 200, body: "reset plainly" },
      { kind: "obo", status: 204, body: "" },
      { kind: "demanded", status: 200, body: good },
    ],
    words: ["code", "obo", "agent", "nobody", "AADSTS", "capolids", "message_only"],
    async run(input) {
      const app = appFor(input);
      const { signal } = new AbortController();
      const kind = field(input, "kind");
      try {
        if (kind === "code" || kind === "demanded") {
          return await exchangeAuthorizationCode(app, {
            code: "c",
            codeVerifier: "v",
            redirectUri: "https://a.example.com/callback",
            nonce,
            tenantId: tenant,
            scopes: ["api://x/read"],
            claims: kind === "code" ? undefined : "{}",
            signal,
          });
        }
        const agentStep = kind === "agent" ? { agentStep: "on_behalf_of" as const } : {};
        const app2 = kind === "agent" ? { ...app, facts: { ...facts, clientId: otherClient } } : app;
        return await requestTokens(app2, {
          tenantId: tenant,
          account: kind === "nobody" ? "nobody" : { tid: tenant, oid },
          ...agentStep,
          ...(kind === "retried" ? {} : { retries: 0 }),
          signal,
          send: (client) => client.acquireTokenOnBehalfOf({ oboAssertion: "a", scopes: ["b"] }),
        });
      } catch (error) {
        if (isTokenExchangeError(error)) signInChallenge(error);
        throw error;
      }
    },
    secrets: (input) => {
      const body = valueIn(input, "body");
      return ["access_token", "refresh_token", "id_token"].flatMap((name) => textsIn(valueIn(body, name)));
    },
    holds(input, value) {
      const { token, expiresAt } = value as { token: string; expiresAt: number };
      if (token === "" || !Number.isFinite(expiresAt)) throw new Error("a token without text or end");
      // With a code it is the answer that says who signed in.
      if (
        valueIn(input, "kind") === "nobody" ||
        valueIn(input, "kind") === "code" ||
        valueIn(input, "kind") === "demanded"
      )
        return;
      const body = valueIn(input, "body");
      const claimed = [
        field(body, "id_token"),
        field(body, "access_token"),
        typeof body === "string" ? body : "",
      ].join(" ");
      const named = claimed
        .split(/[."]/)
        .some((part) => Buffer.from(part, "base64url").toString("utf8").toLowerCase().includes(oid));
      if (!named) throw new Error("a token was taken whose answer names nobody");
    },
    unreachable: [
      {
        file: "src/exchange/network-module.ts",
        line: 'send("GET", url, request)',
        why: "MSAL gets nothing: the metadata is given",
      },
      {
        file: "src/exchange/network-module.ts",
        line: "signal.aborted",
        why: "the deadline's business: test/exchange",
      },
      {
        file: "src/entra/classify.ts",
        line: "refusal.errorCodes ?? []",
        why: "readRefusal always gives a list",
      },
      { file: "src/entra/classify.ts", line: "const { status = 0", why: "readRefusal always gives a status" },
    ],
  },
  {
    name: "Retry-After",
    from: "toolboxes and gateways",
    files: ["src/toolbox/network.ts#retryPlan,mayRepeat,retryAfterMs", "src/access/rpc-method.ts"],
    shape: "fields",
    seeds: [
      { status: 429, headers: { "retry-after": "2" }, body: '{"method":"tools/call"}' },
      { status: 503, headers: { "retry-after": "Mon, 23 Nov 2026 07:28:00 GMT" }, method: "POST" },
      { status: 503, headers: { "retry-after": "soon" } },
      {
        status: 502,
        headers: { "x-ms-retry-after-ms": "20" },
        method: "POST",
        body: '{"method":"tools/list"}',
        rpc: "tools/list",
      },
      { status: 500, headers: { "retry-after-ms": "5" }, method: "GET" },
      { status: 504, headers: {}, method: "POST", body: "{" },
      { status: 504, headers: {}, method: "POST", body: "x".repeat(5_000) },
      { status: 200, headers: {}, stream: true },
      { status: 504, headers: {}, method: "none" },
      { status: 504, headers: {}, method: "POST", body: '{"method":5}' },
      { status: 429, headers: {}, stream: true },
    ],
    words: ["retry-after", "retry-after-ms", "GMT", "tools/call", "initialize"],
    run(input) {
      const request: RequestInit = {
        method: field(input, "method") || "POST",
        headers: { "mcp-method": field(input, "rpc") },
        body: valueIn(input, "stream") === true ? new ReadableStream() : field(input, "body"),
      };
      if (field(input, "rpc") === "") delete request.headers;
      isEnumerating(request);
      if (field(input, "method") === "none") isWithoutEffect({});
      const plan = retryPlan(request, {
        maxRetries: 2,
        maxWaitMs: 10_000,
        now: () => now,
        random: () => Uint8Array.of(7),
      });
      const response = answer("", valueIn(input, "status"), valueIn(input, "headers"));
      return [plan(response), plan(response), plan(response)];
    },
    holds(_input, value) {
      const waits = (value as (number | undefined)[]).filter((wait) => wait !== undefined);
      const sum = waits.reduce((all, wait) => all + wait, 0);
      if (waits.length > 2 || waits.some((wait) => !(wait >= 0)) || sum > 10_000)
        throw new Error("a server makes us wait for ever");
    },
  },
];
