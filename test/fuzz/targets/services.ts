import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  protectedResource,
  type TokenRequest,
  type TokenSource,
  UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type Redeemed, remoteSignIn, type ServedSignIn, signInApi } from "hosted-agent-identity/sign-in";
import { stripHeaders } from "../../../src/http/incoming-message.js";
import { headersOf, webAnswer, type NodeRequest } from "../../../src/http/web-handler.js";
import { wireRedeemed } from "../../../src/sign-in/remote/redeemed-wire.js";
import { keyring } from "../../../src/sealing/keyring.js";
import { sharedCache, readSharedRecord } from "../../../src/tokens/shared-cache.js";
import { behindOrigin, field, listIn, maybe, textOf, textsIn, valueIn, type FuzzTarget } from "../target.js";
import {
  answer,
  clientId,
  contacts,
  facts,
  keySet,
  now,
  oid,
  otherClient,
  personClaims,
  personContext,
  personToken,
  platformContext,
  signedToken,
  tenant,
} from "./people.js";

const accessToken = "0.AXoAopaque-access-token-5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGhIj";
const link = "https://sign-in.example.com/start?t=5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGhIjKlMnOp";
const account = { tid: tenant, oid };
const published = async (): Promise<Response> => new Response(keySet);

const redeemed: readonly Redeemed[] = [
  { status: "not_a_code" },
  { status: "nearly_a_code", say: "no" },
  { status: "wrong_code", say: "no", triesLeft: 2 },
  { status: "refused", say: "no", reason: "expired" },
  { status: "confirm", say: "sure?", serverLabel: "contacts", account },
  {
    status: "bound",
    say: "yes",
    serverLabel: "contacts",
    account: { ...account, username: "ada", name: "Ada" },
    prompt: "p",
  },
];

const source = (acquire: TokenSource["acquire"]): TokenSource => ({
  kind: "sign_in",
  provesUser: true,
  cacheScope: "c",
  usesAssertion: false,
  cached: false,
  skip: () => undefined,
  acquire,
});

const pageUrl = "https://pages.example.com/connect/1";
const pages = protectedResource({
  ...contacts,
  serverLabel: "pages",
  elicitation: { allowedLinks: ["https://pages.example.com/connect/"] },
});

const served: ServedSignIn = {
  tokens: () => ({
    async pageFor({ message }) {
      return message === "m" ? { link, expiresAt: now } : { link };
    },
    ...source(async ({ context, claims }) => {
      if (claims === '{"consent":1}') {
        const requests = [
          new ConsentRequest({
            link,
            serverLabel: "contacts",
            reason: "sign_in",
            ...(context.user === undefined ? {} : { expiresAt: now }),
          }),
        ];
        return { status: "needs", error: new ConsentRequiredError(requests), requests };
      }
      return {
        status: "token",
        token: { token: accessToken, expiresAt: now + 3_600_000, source: "sign_in" },
      };
    }),
  }),
  redeem: async (_context, text) => redeemed[text.length % redeemed.length] as Redeemed,
  async keepPrompt(_context, prompt) {
    if (prompt === "throttle")
      throw new HostedAgentIdentityError("store_unavailable", "down", { category: "throttle" });
    if (prompt === "down") throw new HostedAgentIdentityError("store_unavailable");
    if (prompt === "bug") throw new Error("not ours");
  },
  settle: async () => {},
  signOut: async () => {},
};

const agents = [
  {
    name: "contacts-agent",
    clientIds: [otherClient],
    signIn: served,
    resources: [contacts, pages],
    platformProject: "https://project.example.com",
    // Each input may name somebody else.
    newUsersPerMinute: 1_000_000,
  },
  {
    name: "token-agent",
    clientIds: [clientId],
    signIn: {
      ...served,
      tokens: () => source(async () => ({ status: "skipped", reason: "no_user", detail: "" })),
    },
    resources: [contacts, pages],
  },
];
const agentClaims = { ...personClaims, idtyp: "app", scp: undefined, azp: otherClient };
const agentToken = signedToken(agentClaims);
const secondToken = signedToken({ ...agentClaims, azp: clientId });
const strangerToken = signedToken({ ...agentClaims, azp: tenant });
const callers = new Map([
  ["second", secondToken],
  ["stranger", strangerToken],
  ["nobody", "x"],
]);
const api = signInApi({
  app: facts,
  verify: userTokenVerifier({ app: facts, fetch: published, now: () => now }),
  agents,
  fetch: published,
  now: () => now,
});

const encryptionKeys = [new Uint8Array(32).fill(7)];
const keys = keyring(encryptionKeys);
const shared = {
  kind: "on_behalf_of",
  cached: true,
  usesAssertion: true,
  provesUser: true,
  cacheScope: "scope",
};
const sharedSource: TokenSource = {
  ...source(async () => ({ status: "skipped", reason: "no_user", detail: "" })),
  ...shared,
};
const context = personContext();
const hash = createHash("sha256").update(personToken).digest("base64url");
const request: TokenRequest = {
  context,
  assertion: { token: personToken, hash, claims: {}, use: "app" },
  resource: contacts,
  scopes: contacts.scopes,
  claims: undefined,
  signal: new AbortController().signal,
};
const binding = [
  "agent",
  "on_behalf_of",
  "scope",
  context.principalKey ?? "",
  JSON.stringify([contacts.url]),
  JSON.stringify([contacts.scopes, contacts.scopes, undefined]),
  hash,
];
const generationBindingOf = ["agent", "generation", context.principalKey ?? ""];
const record = {
  token: accessToken,
  expiresAt: now + 3_600_000,
  until: now + 3_600_000,
  generation: 1,
};

export const serviceTargets: readonly FuzzTarget[] = [
  {
    name: "requests to the sign-in API",
    from: "agents, and anybody on the network",
    files: [
      "src/sign-in/remote/sign-in-api.ts#signInApi,serve",
      "src/sign-in/remote/api-routes.ts",
      "src/sign-in/remote/served-agent.ts#namedContext",
      "src/sign-in/remote/api-answers.ts#statusOf,jsonAnswer",
      "src/sign-in/remote/wire.ts",
      "src/sign-in/remote/redeemed-wire.ts#wireRedeemed",
    ],
    shape: "fields",
    seeds: [
      {
        path: "tokens",
        body: {
          user: { platform_user_id: "u1", conversation_id: "c1" },
          server_label: "contacts",
          scopes: contacts.scopes,
        },
      },
      {
        path: "tokens",
        body: { user: { user_token: personToken }, server_label: "contacts", claims: '{"access_token":{}}' },
      },
      {
        path: "tokens",
        body: { user: { user_token: personToken }, server_label: "contacts", claims: '{"consent":1}' },
      },
      {
        path: "tokens",
        body: { user: { platform_user_id: "u1" }, server_label: "contacts", claims: '{"consent":1}' },
      },
      { path: "tokens", body: { user: { user_token: "x" }, server_label: "contacts" } },
      { path: "tokens", body: { user: { platform_user_id: "u1" }, server_label: "other" } },
      {
        path: "tokens",
        body: { user: { platform_user_id: "u1" }, server_label: "contacts", scopes: ["api://other/all"] },
      },
      {
        path: "tokens",
        body: { user: { platform_user_id: "u1" }, server_label: "contacts", scopes: [{ toString: 1 }] },
      },
      { path: "tokens", body: { user: "u1" } },
      {
        path: "tokens",
        agent: "second",
        body: { user: { platform_user_id: "u1" }, server_label: "contacts" },
      },
      ...[
        { url: pageUrl, message: "m" },
        { url: pageUrl, message: 5 },
        { url: "https://other.example.com/" },
        { url: "javascript:alert(1)" },
        { url: 5 },
      ].map((asked) => ({
        path: "page",
        body: { user: { platform_user_id: "u1" }, server_label: "pages", ...asked },
      })),
      {
        path: "page",
        body: { user: { platform_user_id: "u1" }, server_label: "contacts", url: pageUrl },
      },
      {
        path: "page",
        agent: "second",
        body: { user: { user_token: personToken }, server_label: "pages", url: pageUrl },
      },
      { path: "tokens", agent: "stranger", body: {} },
      { path: "tokens", agent: "nobody", body: {} },
      { path: "tokens", body: "[]" },
      { path: "tokens", body: "{" },
      { path: "tokens", body: "huge" },
      { path: "tokens", body: "none" },
      ...redeemed.map((_, at) => ({
        path: "redeem",
        body: { user: { platform_user_id: "u1" }, text: "x".repeat(5 + at) },
      })),
      ...["hello", "throttle", "down", "bug", ""].map((prompt) => ({
        path: "prompt",
        body: { user: { platform_user_id: "u1" }, prompt },
      })),
      { path: "prompt", body: { user: { platform_user_id: "u1" }, prompt: "", title: "hello" } },
      { path: "prompt", body: { user: { platform_user_id: "u1" }, prompt: "hello", title: "hello" } },
      { path: "prompt", body: { user: { platform_user_id: "u1" }, prompt: "hello", title: "" } },
      { path: "settle", body: { user: { platform_user_id: "u1" }, end: "answered" } },
      { path: "settle", body: { user: { platform_user_id: "u1" }, end: "sending" } },
      { path: "settle", body: { user: { platform_user_id: "u1" }, end: "failed" } },
      { path: "sign-out", body: { user: { platform_user_id: "u1" } } },
      { path: "sign-out", body: { user: { user_token: personToken } } },
      { path: "toString", body: {} },
      { path: "tokens", method: "GET", body: {} },
    ],
    words: [
      "platform_user_id",
      "user_token",
      "server_label",
      "conversation_id",
      "contacts",
      "pages",
      "page",
      pageUrl,
      "redeem",
      "prompt",
      "sign-out",
    ],
    async run(input) {
      const url = `https://sign-in.example.com/v1/${field(input, "path")}`;
      if (!URL.canParse(url)) return undefined;
      const who = callers.get(field(input, "agent")) ?? agentToken;
      const given = valueIn(input, "body");
      const text =
        given === "huge"
          ? "x".repeat(524_300)
          : typeof given === "string"
            ? given
            : (JSON.stringify(given) ?? "");
      const get = field(input, "method") === "GET";
      const init = get ? {} : { method: "POST", ...(given === "none" ? {} : { body: text }) };
      const response = await api(new Request(url, { ...init, headers: { authorization: `Bearer ${who}` } }));
      return response === undefined
        ? undefined
        : { status: response.status, text: await response.text(), isBug: text.includes('"bug"') };
    },
    secrets: (input) => {
      const body = valueIn(input, "body");
      return [...textsIn(valueIn(valueIn(body, "user"), "user_token")), field(body, "prompt"), agentToken];
    },
    says: (value) => (value as { text?: string } | undefined)?.text ?? "",
    holds(_input, value) {
      const {
        status = 200,
        text = "",
        isBug = false,
      } = (value ?? {}) as { status?: number; text?: string; isBug?: boolean };
      if (status === 500 && !isBug) throw new Error("the service failed");
      if (status !== 200 && text.includes(accessToken)) throw new Error("a token in an error");
    },
    unreachable: [
      {
        file: "src/sign-in/remote/api-routes.ts",
        line: "context.principal === undefined",
        why: "whoever is not named is refused before",
      },
      {
        file: "src/sign-in/remote/api-routes.ts",
        line: "if (!isConsentRequiredError(error)) throw error",
        why: "of the service's own sources",
      },
      {
        file: "src/sign-in/remote/api-routes.ts",
        line: 'const [scope = ""]',
        why: "a resource has at least one scope",
      },
    ],
  },
  {
    name: "answers of the sign-in service",
    from: "whatever answers at the service's address",
    files: [
      "src/sign-in/remote/remote-tokens.ts#askService,checkAccount,consentRequests,pageOf",
      "src/sign-in/remote/service-calls.ts#errorOf,badReply",
      "src/sign-in/remote/redeemed-wire.ts",
      "src/sign-in/remote/wire.ts#readJson",
    ],
    shape: "fields",
    seeds: [
      {
        call: "token",
        body: {
          status: "token",
          access_token: accessToken,
          expires_at: now + 60_000,
          use_for_ms: 1000,
          account,
        },
      },
      { call: "token", body: { status: "token", access_token: accessToken, expires_at: "soon" } },
      { call: "person", body: { status: "token", access_token: accessToken, expires_at: now, account: 5 } },
      { call: "person", body: { status: "token", access_token: accessToken, expires_at: now, account } },
      {
        call: "token",
        body: {
          status: "consent_required",
          requests: [
            { link, server_label: "contacts", reason: "step_up", expires_at: now },
            { link, server_label: "m", reason: "odd", expires_at: null },
          ],
        },
      },
      {
        call: "silent",
        body: {
          status: "consent_required",
          requests: [{ link, server_label: "contacts", reason: "step_up" }],
        },
      },
      { call: "token", body: { status: "consent_required", requests: [null] } },
      { call: "token", body: { status: "consent_required", requests: [{ link, server_label: 5 }] } },
      { call: "token", body: { status: "consent_required", requests: [] } },
      { call: "page", body: { status: "page", link, expires_at: now } },
      { call: "page", body: { status: "page", link, expires_at: null } },
      { call: "page", body: { status: "page", link: 5 } },
      { call: "redeem", body: { status: "not_a_code" } },
      { call: "redeem", body: { status: "wrong_code", say: "x", tries_left: 2 } },
      { call: "redeem", body: { status: "wrong_code", say: "x", tries_left: 1.5 } },
      { call: "redeem", body: { status: "refused", say: "x", reason: "declined" } },
      { call: "redeem", body: { status: "refused", say: "x", reason: "odd" } },
      {
        call: "redeem",
        body: {
          status: "confirm",
          say: "x",
          server_label: "c",
          account: { ...account, username: "a", name: "b" },
        },
      },
      { call: "redeem", body: { status: "bound", say: "x", server_label: "c", account, prompt: "p" } },
      { call: "redeem", body: { status: "bound", say: "x", server_label: "c", account } },
      { call: "redeem", body: { status: "odd", say: "x", server_label: "c", account } },
      { call: "redeem", body: { status: "bound", say: 5 } },
      { call: "redeem", body: { status: "bound", say: "x", account: null } },
      { call: "redeem", status: 400, body: { error: { code: "invalid_option", message: "no" } } },
      { call: "redeem", status: 400, body: { error: { code: "invalid_option", message: { toString: 1 } } } },
      { call: "redeem", status: 401, body: { error: { code: "toString" } } },
      { call: "redeem", status: 503, body: { error: null } },
      { call: "redeem", status: 502, body: "<html>" },
      { call: "redeem", status: 200, body: "[]" },
      { call: "redeem", status: 204, body: "" },
      { call: "redeem", status: 200, body: "huge" },
    ],
    words: [
      "consent_required",
      "access_token",
      "tries_left",
      "server_label",
      "token",
      "silent",
      "person",
      "redeem",
    ],
    async run(input) {
      const given = valueIn(input, "body");
      const text =
        given === "huge"
          ? "x".repeat(524_300)
          : typeof given === "string"
            ? given
            : (JSON.stringify(given) ?? "");
      const remote = remoteSignIn({
        url: "https://sign-in.example.com",
        credential: { getToken: async () => ({ token: "agent", expiresOnTimestamp: now + 3_600_000 }) },
        scope: "api://service/.default",
        fetch: async () => answer(text, valueIn(input, "status")),
        now: () => now,
      });
      const call = field(input, "call");
      for (const one of redeemed) wireRedeemed(one);
      if (call === "redeem") return remote.redeem(platformContext(), "ABC-D2E-FGH");
      if (call === "page") {
        const asked = { context: platformContext(), resource: pages, url: pageUrl, message: "m" };
        return { status: "page", ...(await remote.tokens().pageFor?.(asked)) };
      }
      const who = call === "person" ? personContext() : platformContext();
      const { signal } = new AbortController();
      return remote
        .tokens()
        .acquire({ ...request, context: who, signal, ...(call === "silent" ? { silent: true } : {}) });
    },
    secrets: (input) => {
      const body = valueIn(input, "body");
      return [
        field(body, "access_token"),
        behindOrigin(field(body, "link")),
        ...listIn(body, "requests").map((one) => behindOrigin(field(one, "link"))),
      ];
    },
    says: (value) =>
      value instanceof Object && "error" in value ? JSON.stringify((value as { error: unknown }).error) : "",
    holds(input, value) {
      const { status, token } = value as { status: string; token?: { token: string } };
      if (typeof status !== "string") throw new Error("an answer without a status");
      if (
        token !== undefined &&
        token.token !== valueIn(valueIn(input, "body"), "access_token") &&
        typeof valueIn(input, "body") !== "string"
      )
        throw new Error("a token out of nowhere");
    },
  },
  {
    name: "values of a shared token store",
    from: "whoever can write to the store, and other versions of this package",
    files: [
      "src/tokens/shared-cache.ts",
      "src/tokens/shared-cache-state.ts#sharedCacheState,bindingOf,openRecord",
    ],
    shape: "fields",
    seeds: [
      { record },
      { record: { ...record, refreshAt: now, useUntil: now + 5 } },
      { record: { ...record, until: now - 1 } },
      { record: { ...record, generation: 0 }, generation: 5 },
      { record: { ...record, token: 5 } },
      { record: { ...record, generation: "1" } },
      { record: { ...record, refreshAt: "1" } },
      { record: { ...record, useUntil: "1" } },
      { record, generation: "odd" },
      { record: null },
      { raw: keys.seal("shared-token", binding, record) },
      { raw: keys.seal("shared-token", [...binding, "x"], record) },
      { raw: 5 },
      { raw: null },
      { raw: "x".repeat(65_540) },
      { raw: keys.seal("shared-token", binding, record), generationRaw: "damaged" },
      { record, forget: true },
      { record, generation: 2 ** 50, out: true },
      { raw: "x", unshared: true },
      { record, refuse: true },
      { record, keep: true },
      { keep: true },
      { record, keep: true, generation: "odd" },
      { record, claims: "{}" },
      { record, down: true },
    ],
    words: ["token", "expiresAt", "until", "generation"],
    async run(input) {
      const raw =
        valueIn(input, "raw") ??
        (valueIn(input, "record") === undefined
          ? undefined
          : keys.seal("shared-token", binding, valueIn(input, "record")));
      const generation =
        valueIn(input, "generationRaw") ??
        (valueIn(input, "generation") === undefined
          ? undefined
          : keys.seal("shared-token", generationBindingOf, valueIn(input, "generation")));
      const generationName = `hosted-agent-identity:${keys.namesOf("shared-token", generationBindingOf)[0]}`;
      const store = {
        async get(key: string): Promise<unknown> {
          if (valueIn(input, "down") === true) throw new Error("down");
          return key === generationName ? generation : raw;
        },
        set: async (): Promise<boolean> => true,
        delete: async (): Promise<boolean> => true,
      };
      const cache = sharedCache({
        store,
        encryptionKeys,
        agentName: "agent",
        resource: contacts,
        now: () => now,
        onEvent: undefined,
      });
      readSharedRecord(valueIn(input, "record"));
      if (valueIn(input, "forget") === true)
        cache.forgetToken(
          [sharedSource, source(async () => ({ status: "skipped", reason: "no_user", detail: "" }))],
          request,
          accessToken,
        );
      if (valueIn(input, "out") === true) cache.forgetPrincipal(context.principalKey ?? "");
      const asking =
        valueIn(input, "unshared") === true
          ? {
              ...request,
              context: new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} }),
            }
          : { ...request, claims: maybe(input, "claims") };
      const found = await cache.find(sharedSource, asking, () => valueIn(input, "refuse") !== true);
      if (valueIn(input, "keep") === true)
        found?.keep({ token: accessToken, expiresAt: now + 3_600_000, source: "x" });
      if (valueIn(input, "keep") === true)
        found?.keep({ token: "x".repeat(60_000), expiresAt: now + 3_600_000, source: "x" });
      if (valueIn(input, "keep") === true)
        found?.keep({ token: accessToken, expiresAt: now - 1000, source: "x" });
      await cache.close();
      return found?.token;
    },
    secrets: (input) => [field(valueIn(input, "record"), "token")],
    unreachable: [
      { file: "src/tokens/shared-cache-state.ts", line: "agent: wiring.agentName", why: "an option" },
    ],
    holds(_input, value) {
      if (value === undefined) return;
      const { token, expiresAt } = value as { token: unknown; expiresAt: unknown };
      if (typeof token !== "string" || typeof expiresAt !== "number")
        throw new Error("a token of another type");
    },
  },
  {
    name: "requests of node:http",
    from: "anybody on the internet",
    files: [
      "src/http/web-handler.ts#webAnswer,headersOf,asRequest,bodyOf,readBefore,formText",
      "src/http/incoming-message.ts#stripHeaders",
    ],
    shape: "fields",
    seeds: [
      {
        method: "GET",
        url: "/start?t=abc",
        headers: [
          ["Host", "evil.example.com"],
          ["Cookie", "a=b"],
          ["X-Client-User-Token", personToken],
        ],
      },
      {
        method: "POST",
        url: "//evil.example.com/start",
        headers: [["content-type", "application/x-www-form-urlencoded"]],
        body: "a=b",
      },
      { method: "POST", url: "*", body: "" },
      { method: "TRACE", url: "/" },
      { method: "GET", url: "http://evil.example.com/start" },
      { method: "GET", url: "http://[" },
      {
        method: "POST",
        url: "/",
        headers: [
          [":path", "/"],
          ["content-type", "application/json"],
        ],
        parsed: { a: [1] },
      },
      {
        method: "POST",
        url: "/",
        headers: [["content-type", "application/x-www-form-urlencoded"]],
        parsed: { a: "b", c: { toString: 1 } },
      },
      { method: "POST", url: "/", parsed: "text" },
      { method: "POST", url: "/", parsed: { a: ["b", "c", 5] } },
      { method: "POST", url: "/", parsed: { a: "x".repeat(66_000) } },
      { method: "POST", url: "/", body: "x".repeat(66_000) },
      { method: "POST", original: "/sign-in/start", url: "/start", body: "reset" },
      { bare: true },
      { method: "POST", url: "/", body: "a=b", complete: "" },
      { method: "POST", url: "/", body: "", complete: "" },
      { method: "POST", url: "/", body: "x".repeat(66_000), complete: "" },
      { method: "POST", url: "/", body: "a=b", complete: "paused" },
      { method: "POST", url: "/", body: "a=b", complete: "destroyed" },
      { method: "POST", url: "/", body: "a=b", complete: "text" },
    ],
    words: ["content-type", "application/json", "Set-Cookie", "//", "http://", "GET", "POST"],
    async run(input) {
      const rawHeaders = listIn(input, "headers").flatMap((pair) =>
        Array.isArray(pair)
          ? [
              textOf(pair[0] ?? "").replace(/[^\w:-]/g, ""),
              textOf(pair[1] ?? "").replace(/[^\t -~\u0080-\u00ff]/g, ""),
            ]
          : [],
      );
      const parsed = valueIn(input, "parsed");
      const pieces =
        field(input, "body") === "reset"
          ? brokenBody()
          : valueIn(input, "complete") !== undefined
            ? arrivedBody(field(input, "body"), field(input, "complete"))
            : Readable.from(parsed === undefined ? [Buffer.from(field(input, "body"))] : []);
      if (parsed !== undefined) for await (const piece of pieces) void piece;
      const complete = valueIn(input, "complete") !== undefined;
      const headers: Record<string, string> = {};
      for (let at = 0; at < rawHeaders.length; at += 2)
        headers[(rawHeaders[at] ?? "").toLowerCase()] = rawHeaders[at + 1] ?? "";
      const isBare = valueIn(input, "bare") === true;
      const request = Object.assign(pieces, {
        ...(isBare ? {} : { method: field(input, "method"), url: field(input, "url") }),
        ...(valueIn(input, "original") === undefined ? {} : { originalUrl: field(input, "original") }),
        rawHeaders,
        headers,
        complete,
        ...(isBare ? {} : { headersDistinct: { ...headers } }),
        ...(parsed === undefined ? {} : { body: parsed }),
      });
      stripHeaders(request as unknown as IncomingMessage, ["x-client-user-token"]);
      if (request.rawHeaders.some((name, at) => at % 2 === 0 && name.toLowerCase() === "x-client-user-token"))
        throw new TypeError("a token header was left");
      const answered = await webAnswer(
        ({ url }) =>
          new Response(new URL(url).pathname, {
            headers: [
              ["set-cookie", "a=b"],
              ["set-cookie", "c=d"],
            ],
          }),
        request as unknown as NodeRequest,
      );
      const isCut = field(input, "body") === "reset" || field(input, "complete") === "destroyed";
      const isGone = isCut && parsed === undefined;
      return answered === undefined ? { isSilent: !isGone } : { headers: headersOf(answered) };
    },
    secrets: () => [],
    holds(_input, value) {
      if ((value as { isSilent?: boolean }).isSilent === true)
        throw new Error("a request that nobody answers");
    },
    unreachable: [
      { file: "src/http/web-handler.ts", line: 'rawHeaders[at] ?? ""', why: "the index is below the length" },
      {
        file: "src/http/web-handler.ts",
        line: 'rawHeaders[at + 1] ?? ""',
        why: "the index is below the length",
      },
      {
        file: "src/http/incoming-message.ts",
        line: 'rawHeaders[at] ?? ""',
        why: "the index is below the length",
      },
    ],
  },
];

/** A body that is there in whole, of a stream that something may have happened to. */
function arrivedBody(text: string, state: string): Readable {
  const body = new Readable({ objectMode: state === "text", read: () => undefined });
  if (text !== "") body.push(state === "text" ? text : Buffer.from(text));
  body.push(null);
  if (state === "paused") body.pause();
  if (state === "destroyed") body.destroy();
  return body;
}

function brokenBody(): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from("a");
      throw new Error("reset");
    })(),
  );
}
