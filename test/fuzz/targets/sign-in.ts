import { deflateRawSync, inflateRawSync } from "node:zlib";
import { clientSecret, entraApp } from "hosted-agent-identity";
import { createSignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { noAudit } from "../../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import { answerIn } from "../../../src/sign-in/binding/answer.js";
import { codeDigest, looksOurs, newCode, sameDigest, typedCodes } from "../../../src/sign-in/binding/code.js";
import { waitingOf } from "../../../src/sign-in/binding/pending.js";
import { allows, readPin } from "../../../src/sign-in/grants/pin.js";
import { readMessages, titleOf } from "../../../src/sign-in/binding/prompt.js";
import { ownText, visibleText } from "../../../src/sign-in/binding/typed.js";
import { questionsOf } from "../../../src/sign-in/binding/question.js";
import { linkKeys } from "../../../src/sign-in/link/agents.js";
import { beginAttempt, endAttempt } from "../../../src/sign-in/flow/attempt.js";
import { browserCookie, formToken, newBrowser } from "../../../src/sign-in/flow/browser.js";
import { outcomeUrl, type Outcome } from "../../../src/sign-in/flow/outcome.js";
import { codeScript } from "../../../src/sign-in/pages/code-script.js";
import { openTicket, sealTicket, type Ticket, type TicketReading } from "../../../src/sign-in/link/ticket.js";
import { accountIndex } from "../../../src/sign-in/grants/account-index.js";
import { entraIssuer } from "../../../src/sign-in/grants/issuer.js";
import { recordSeal } from "../../../src/sign-in/grants/record.js";
import { fromClient } from "../../../src/sign-in/stores/redis-calls.js";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { keyring } from "../../../src/sealing/keyring.js";
import { field, listIn, textOf, valueIn, type FuzzTarget, type Input } from "../target.js";
import { answer, clientId, contacts, now, oid, tenant } from "./people.js";

const publicUrl = "https://agent.example.com/sign-in";
const encryptionKeys = [new Uint8Array(32).fill(7)];
let drawn = 0;
const random = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at + ++drawn) * 37 + 26);
const app = entraApp({
  tenantId: tenant,
  clientId,
  credential: clientSecret("a secret of the app"),
  now: () => now,
  fetch: async (_url, init) => entraSays(new URLSearchParams(String(init?.body)).get("code") ?? ""),
});

let nonce = "";

/** What Entra answers to a code. */
function entraSays(code: string): Response {
  if (code === "down") throw new TypeError("fetch failed");
  const claims = {
    aud: clientId,
    tid: code === "away" ? clientId : tenant,
    oid,
    nonce: code === "swapped" ? "x" : nonce,
  };
  if (!["good", "away", "swapped"].includes(code))
    return answer(JSON.stringify({ error: "invalid_grant", error_codes: [70_008] }), 400);
  const id = `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
  return answer(
    JSON.stringify({
      token_type: "Bearer",
      expires_in: 3599,
      access_token: "a",
      refresh_token: "r",
      id_token: id,
    }),
    200,
  );
}

const values = new Map<string, string>();
const swap = (key: string, expected: string | undefined, value: string): boolean => {
  if (values.get(key) !== expected) return false;
  values.set(key, value);
  return true;
};
const store: SignInStore = {
  shared: true,
  get: async (key) => values.get(key),
  setIfAbsent: async (key, value) => swap(key, undefined, value),
  increment: async (key) => Number(values.set(key, String(Number(values.get(key) ?? 0) + 1)).get(key)),
  compareAndSet: async (key, expected, value) => swap(key, expected, value),
  async take(key) {
    const value = values.get(key);
    values.delete(key);
    return value;
  },
  delete: async (key) => void values.delete(key),
};
const core: SignInContext = {
  app: entraAppInternals(app),
  publicUrl,
  resources: [contacts],
  store,
  keys: keyring(encryptionKeys),
  agent: "agent",
  now: () => now,
  random,
  onEvent: undefined,
  audit: noAudit,
};
const own = linkKeys({ agentName: "agent", resources: [contacts], encryptionKeys });
const foreign = linkKeys({
  agentName: "agent",
  resources: [contacts],
  encryptionKeys: [new Uint8Array(32).fill(9)],
});
const ticket: Ticket = {
  id: "ticket-1",
  agent: "agent",
  principal: {
    kind: "platform",
    project: "https://project.example.com",
    agent: "agent",
    id: "platform-user-1",
  },
  resource: contacts.url,
  serverLabel: "contacts",
  scopes: contacts.scopes,
  askedAt: now - 1000,
  expiresAt: now + 600_000,
};
const known: Ticket = {
  ...ticket,
  principal: { kind: "entra", tid: tenant, oid },
  initiator: { tid: tenant, oid, username: "ada@example.com" },
  claims: '{"access_token":{}}',
};
const sealed = sealTicket(core, own, ticket);
const sealedKnown = sealTicket(core, own, known);

/** Seals what an agent that shares the encryption keys may have made up. */
function madeUp(input: Input): string {
  const content: unknown = Object(valueIn(input, "content"));
  const made = field(input, "key") === "another process" ? { ...own, own: undefined } : own;
  const keys = field(input, "key") === "foreign" ? foreign : made;
  const signed = sealTicket(core, keys, content as Ticket);
  const binding = [core.app.facts.cloud.loginEndpoint, clientId, publicUrl];
  const text = core.keys.open("ticket", binding, signed) as string;
  const packed = (envelope: unknown): string =>
    deflateRawSync(JSON.stringify(envelope)).toString("base64url");
  const [, signature] = JSON.parse(String(inflateRawSync(Buffer.from(text, "base64url")))) as string[];
  const envelopes: Readonly<Record<string, () => unknown>> = {
    none: () => packed([field(input, "body"), signature]),
    envelope: () => content,
    packed: () => packed(content),
  };
  return core.keys.seal("ticket", binding, envelopes[field(input, "key")]?.() ?? text);
}

const browser = newBrowser(core);
const cookie = (who = browser): string => browserCookie(core, who).split(";")[0] ?? "";
const signedIn = { ...browser, account: { tid: tenant, oid, username: "ada@example.com", at: now - 1000 } };
const owner = JSON.stringify(["platform", "https://project.example.com", "agent", "platform-user-1"]);
const account = { tid: tenant, oid };

/** What a request may hold besides what was made up: things of our own making, made when they are asked for. */
const ours: Readonly<Record<string, () => string | Promise<string>>> = {
  $LINK: () => encodeURIComponent(sealed),
  $KNOWN: () => encodeURIComponent(sealedKnown),
  $OLD: () =>
    encodeURIComponent(sealTicket(core, own, { ...ticket, askedAt: now - 800_000, expiresAt: now - 1 })),
  $BROWSER: () => cookie(),
  $ACCOUNT: () => cookie(signedIn),
  $STALE: () => cookie({ ...browser, account: { ...signedIn.account, at: now - 3_600_000 } }),
  $START: () => formToken(core, browser, "start", [ticket.id, core.now()]),
  $SLOW: () => formToken(core, browser, "start", [ticket.id, 0]),
  $SIGNIN: () => formToken(core, browser, "connections", "sign-in"),
  $LEAVE: () => formToken(core, browser, "connections", "leave"),
  $END: () => formToken(core, browser, "connection", ["agent", owner]),
  $ODD: () => formToken(core, browser, "connection", [5]),
  $DONE: () =>
    outcomeUrl(core, browser, {
      kind: "code",
      agent: "agent",
      serverLabel: "contacts",
      username: "ada",
      guest: false,
      code: "ABC-D2E-FGH",
      expiresAt: now + 60_000,
    }).split("r=")[1] ?? "",
  $SIGNED: () =>
    outcomeUrl(core, browser, {
      kind: "signed_in",
      agent: "agent",
      serverLabel: "contacts",
      username: "ada",
      guest: true,
    }).split("r=")[1] ?? "",
  $LATE: () =>
    outcomeUrl(core, browser, {
      kind: "code",
      agent: "agent",
      serverLabel: "contacts",
      username: "ada",
      guest: false,
      code: "ABC-D2E-FGH",
      expiresAt: now - 1,
    }).split("r=")[1] ?? "",
  $FAILED: () =>
    outcomeUrl(core, undefined, { kind: "wrong_tenant", ticket: sealed } as Outcome).split("r=")[1] ?? "",
  $STATE: async () => encodeURIComponent(await stateOf(sealed)),
  $ADA: async () => encodeURIComponent(await stateOf(sealedKnown)),
  // Of a trip that nobody knows anything about any more.
  $GONE: async () => {
    const state = await stateOf(sealed);
    trip = "";
    return encodeURIComponent(state);
  },
  $TRIP: () => trip,
  // Three of which the first has run out, and the state of that one.
  $PAST: async () => encodeURIComponent(await stateOf(sealed, now - 3_600_000)),
  $TRIPS: () => {
    let cookies = "$BROWSER";
    for (const at of [3, 1, 2]) {
      const request = new Request(publicUrl, { headers: { cookie: cookies } });
      const then = { ...core, now: () => now - at };
      const begun = beginAttempt(then, browser, request, { tenantId: "organizations", scopes: [] });
      cookies += `; ${begun?.cookies[0]?.split(";")[0]}`;
    }
    return cookies;
  },
  $ENTRA: () => formToken(core, browser, "connection", ["agent", JSON.stringify(["entra", tenant, oid])]),
  $WHO: async () => encodeURIComponent(await stateOf(undefined)),
  $BAD: async () => encodeURIComponent(await stateOf(sealTicket(core, foreign, ticket))),
};

/** The cookie of the trip that was begun last. */
let trip = "";

async function stateOf(text: string | undefined, at = now): Promise<string> {
  const errand = {
    tenantId: "organizations",
    scopes: contacts.scopes,
    ...(text === undefined ? {} : { ticket: text }),
  };
  const begun = beginAttempt({ ...core, now: () => at }, browser, new Request(publicUrl), errand);
  trip = begun?.cookies[0]?.split(";")[0] ?? "";
  const parameters = new URL(begun?.redirect ?? publicUrl).searchParams;
  nonce = parameters.get("nonce") ?? "";
  return parameters.get("state") ?? "";
}

async function filled(text: string): Promise<string> {
  let whole = text;
  for (const [name, make] of Object.entries(ours))
    if (whole.includes(name)) whole = whole.replaceAll(name, await make());
  return whole;
}

const signIn = createSignIn({
  app,
  publicUrl,
  resources: [contacts],
  store,
  encryptionKeys,
  agentName: "agent",
  now: () => now,
  random,
});
const records = recordSeal(core, entraIssuer(core.app));
const record = records.seal(owner, {
  generation: 3,
  grant: {
    account,
    refreshToken: "0.ARoArefresh-token-ZyXwVuTsRqPoNmLkJiHgFeDcBa9876543210",
    resources: [contacts.url],
    scopes: contacts.scopes,
    signedInAt: now,
    updatedAt: now,
    sequence: 1,
    signIns: 1,
    indexedAt: now,
  },
  tokens: [
    {
      url: contacts.url,
      scopes: contacts.scopes,
      token: "0.AXoAopaque-access-token-5k2l9x8w7v6u5t4s3r2q1p0o",
      obtainedAt: now,
      refreshAt: now,
      expiresAt: now,
    },
  ],
});

const form = "application/x-www-form-urlencoded";

/** Sends one request to the pages; `undefined` for what no HTTP server would hand on. */
async function sent(input: Input): Promise<unknown> {
  const path = await filled(field(input, "path"));
  const method = field(input, "method");
  const url = `https://agent.example.com${valueIn(input, "whole") === true ? "" : "/sign-in"}${path.startsWith("/") ? path : `/${path}`}`;
  if (!URL.canParse(url) || !/^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH)$/.test(method)) return undefined;
  const headers = new Headers({
    "content-type": /^[ -~]*$/.test(field(input, "type")) ? field(input, "type") || form : form,
  });
  const cookies = (await filled(field(input, "cookie"))).replace(/[^ -~\u0080-\u00ff]/g, "").trim();
  headers.set("cookie", cookies);
  const language = field(input, "language")
    .replace(/[^ -~]/g, "")
    .trim();
  if (language !== "") headers.set("accept-language", language);
  const body = method === "POST" ? { body: await filled(field(input, "body")) } : {};
  const request = (): Request => new Request(url, { method, headers, ...body });
  const handler = valueIn(input, "broken") === true ? brokenSignIn.handler : signIn.handler;
  if (valueIn(input, "twice") === true) await handler(request());
  const response = await handler(request());
  return {
    status: response.status,
    location: response.headers.get("location"),
    cookies: response.headers.getSetCookie().length,
    text: await response.text(),
  };
}

export const signInTargets: readonly FuzzTarget[] = [
  {
    name: "tickets of sign-in links",
    from: "whoever opens a link, and agents that share the keys",
    files: ["src/sign-in/link/ticket.ts"],
    shape: "value",
    seeds: [
      sealed,
      sealedKnown,
      "",
      { content: ticket },
      { content: known },
      { content: ticket, key: "foreign" },
      { content: ticket, key: "another process" },
      { content: { ...ticket, elicitation: { url: "https://page.example.com/a", message: "Sign in" } } },
      { content: { ...ticket, elicitation: { url: "https://page.example.com/a", message: 5 } } },
      { content: { ...ticket, elicitation: { url: 5 } } },
      { content: { ...ticket, agent: "other" } },
      { content: { ...ticket, resource: "https://other.example.com" } },
      { content: { ...ticket, scopes: ["api://other/read"] } },
      { content: { ...ticket, scopes: [] } },
      { content: { ...ticket, askedAt: now + 999_999 } },
      { content: { ...ticket, expiresAt: now + 9_999_999 } },
      { content: { ...ticket, askedAt: now - 2000, expiresAt: now - 1000 } },
      { content: { ...ticket, principal: { kind: "entra", tid: tenant, oid } } },
      { content: { ...known, principal: ticket.principal } },
      { content: { ...ticket, principal: { kind: "odd" } } },
      {
        content: { ...known, principal: { kind: "resource", tid: tenant, oid, audience: "api://contacts" } },
      },
      { content: { ...ticket, principal: { kind: "oidc", iss: "https://issuer.example.com", sub: oid } } },
      { content: ticket, key: "none", body: "{" },
      {
        content: ticket,
        key: "none",
        body: JSON.stringify({ purpose: "sign-in link", for: publicUrl, ticket }),
      },
      { content: ticket, key: "none", body: JSON.stringify({ purpose: "other", for: publicUrl, ticket }) },
      { content: { body: 5 }, key: "envelope" },
      { content: "text", key: "envelope" },
      { content: { body: 5 }, key: "packed" },
      { content: null, key: "packed" },
      { content: ["text"], key: "packed" },
    ],
    run: (input) =>
      openTicket(core, own, typeof input === "object" && input !== null ? madeUp(input) : textOf(input)),
    holds(_input, value) {
      const reading = value as TicketReading;
      if (reading.status === "bad") return;
      const { resource, scopes, agent, principal, initiator, askedAt, expiresAt } = reading.ticket;
      if (
        resource !== contacts.url ||
        agent !== "agent" ||
        scopes.some((scope) => !scope.startsWith("api://contacts/"))
      )
        throw new Error("a ticket asks for more than an agent may");
      if (!["entra", "platform"].includes(principal.kind))
        throw new Error("a ticket for no owner of a grant");
      if (principal.kind === "entra" ? principal.oid !== initiator?.oid : initiator !== undefined)
        throw new Error("a ticket for somebody else");
      if (expiresAt > now !== (reading.status === "good") || expiresAt - askedAt > 900_000)
        throw new Error("a ticket that lives too long");
    },
    unreachable: [
      {
        file: "src/sign-in/link/ticket.ts",
        line: "export function packTicket",
        why: "packs what openTicket() has found good",
      },
      {
        file: "src/sign-in/link/ticket.ts",
        line: "export function unpackTicket",
        why: "reads what was sealed in a cookie of ours",
      },
      {
        file: "src/sign-in/link/ticket.ts",
        line: "throw new HostedAgentIdentityError(",
        why: "a process without a key of its own makes no links: test/sign-in/flow",
      },
      {
        file: "src/sign-in/link/ticket.ts",
        line: "export function ticketPrincipal",
        why: "reads no outside bytes",
      },
      {
        file: "src/sign-in/link/ticket.ts",
        line: 'resource.scopes[0] ?? ""',
        why: "a resource has at least one scope",
      },
    ],
  },
  {
    name: "requests to the sign-in pages",
    from: "browsers, and anybody on the internet",
    files: [
      "src/sign-in/flow/handler.ts",
      "src/sign-in/flow/browser.ts",
      "src/sign-in/flow/cookies.ts",
      "src/sign-in/flow/replies.ts",
      "src/sign-in/flow/attempt.ts",
      "src/sign-in/flow/start.ts#getStart,postStart,openLink",
      "src/sign-in/flow/status.ts",
      "src/sign-in/flow/outcome.ts",
      "src/sign-in/flow/entra-answer.ts",
      "src/sign-in/texts/languages.ts#languageFor,rangeOf",
      "src/sign-in/flow/callback.ts#handleCallback,readTicket,isExpectedIssuer,replyWith",
      "src/sign-in/flow/connections.ts#showConnections,noteOf,signInForConnections,leaveConnections,endConnection,checkedForm,refusedForm",
    ],
    shape: "fields",
    seeds: [
      { method: "GET", path: "/start?t=$LINK" },
      { method: "GET", path: "/start?t=$KNOWN", cookie: "a=b; $ACCOUNT" },
      { method: "GET", path: "/start?t=$OLD" },
      { method: "GET", path: "/start?t=$LINK", language: "de-AT,fr;q=0.5,*;q=0.1" },
      { method: "GET", path: "/start?t=x", language: "pt;q=2,zh-Hant-TW" },
      { method: "GET", path: "/start?t=x", language: "x".repeat(600) },
      { method: "GET", path: "/callback?admin_consent=True&tenant=x" },
      { method: "GET", path: "/callback?error=permission_denied" },
      { method: "GET", path: "/start?t=x", language: "de-CH-1996,en;q=0" },
      { method: "GET", path: "/start?t=x", language: ";q=1, *" },
      { method: "POST", path: "/status" },
      { method: "HEAD", path: "/start?t=x&t=y" },
      { method: "POST", path: "/start", cookie: "$BROWSER", body: "t=$LINK&f=$START" },
      { method: "POST", path: "/start", cookie: "$BROWSER", body: "t=$KNOWN&f=$START" },
      { method: "POST", path: "/start", cookie: "$BROWSER", body: "t=$LINK&f=$SLOW" },
      { method: "POST", path: "/start", cookie: "$BROWSER", body: "t=$LINK&f=$LEAVE" },
      { method: "POST", path: "/start", body: "t=$LINK" },
      { method: "POST", path: "/start", body: "t=$LINK", type: "text/plain" },
      { method: "POST", path: "/status", body: "link=$LINK", type: "text/plain" },
      { method: "POST", path: "/connections/end", cookie: "$ACCOUNT", body: "c=$ENTRA", type: "text/plain" },
      { method: "POST", path: "/connections/end", cookie: "$ACCOUNT", body: "sure=yes" },
      { method: "GET", path: "/callback?state=$STATE&error_description=x", cookie: "$BROWSER; $TRIP" },
      { method: "POST", path: "/start", body: `t=${"x".repeat(32_800)}` },
      { method: "GET", path: "/callback?state=$STATE&code=abc", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/callback?state=$WHO&code=abc", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/callback?state=$BAD&code=abc", cookie: "$BROWSER; $TRIP" },
      {
        method: "GET",
        path: "/callback?state=$STATE&error=access_denied&error_subcode=cancel",
        cookie: "$BROWSER; $TRIP",
      },
      { method: "GET", path: "/callback?state=$STATE&error=consent_required", cookie: "$BROWSER; $TRIP" },
      {
        method: "GET",
        path: "/callback?state=$STATE&error=access_denied&error_description=AADSTS90094:%20x",
        cookie: "$BROWSER; $TRIP",
      },
      {
        method: "GET",
        path: "/callback?state=$STATE&error=invalid_client&error_uri=https://x/?code=53003",
        cookie: "$BROWSER; $TRIP",
      },
      { method: "GET", path: "/callback?state=$STATE&error=login_required", cookie: "$BROWSER; $TRIP" },
      {
        method: "GET",
        path: "/callback?state=$STATE&error=server_error&error_description=AADSTS65001",
        cookie: "$BROWSER; $TRIP",
      },
      { method: "GET", path: "/callback?state=$STATE", cookie: "$BROWSER; $TRIP" },
      {
        method: "GET",
        path: `/callback?state=$STATE&code=abc&iss=https://login.microsoftonline.com/${tenant}/v2.0`,
        cookie: "$BROWSER; $TRIP",
      },
      {
        method: "GET",
        path: "/callback?state=$STATE&code=abc&iss=https://evil.example.com/",
        cookie: "$BROWSER; $TRIP",
      },
      {
        method: "GET",
        path: `/callback?state=$WHO&code=good&iss=https://login.microsoftonline.com/${tenant}/v2.0`,
        cookie: "$BROWSER; $TRIP",
      },
      {
        method: "GET",
        path: "/callback?state=$STATE&code=good",
        cookie: "$BROWSER; $TRIP",
        next: [
          { method: "POST", path: "/status", body: "link=$LINK" },
          { method: "GET", path: "/done?r=$SIGNED", cookie: "$BROWSER" },
        ],
      },
      {
        method: "GET",
        path: "/callback?state=$ADA&code=good",
        cookie: "$BROWSER; $TRIP",
        next: [
          { method: "POST", path: "/status", body: "link=$KNOWN" },
          { method: "GET", path: "/start?t=$KNOWN" },
          { method: "GET", path: "/connections", cookie: "$ACCOUNT" },
        ],
      },
      {
        method: "GET",
        path: "/callback?state=$ADA&code=good",
        cookie: "$BROWSER; $TRIP",
        next: [
          {
            method: "POST",
            path: "/connections/end",
            cookie: "$ACCOUNT",
            body: "c=$ENTRA&act=changeAccount&sure=yes",
          },
        ],
      },
      {
        method: "GET",
        path: "/callback?state=$ADA&code=good",
        cookie: "$BROWSER; $TRIP",
        next: [{ method: "POST", path: "/connections/end", cookie: "$ACCOUNT", body: "c=$ENTRA&sure=yes" }],
      },
      { method: "GET", path: "/callback?state=$ADA&code=swapped", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/callback?state=$ADA&code=away", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/callback?state=$ADA&code=down", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/callback?state=$GONE&code=good", cookie: "$BROWSER; $TRIP" },
      { method: "GET", path: "/done?r=$LATE", cookie: "$BROWSER" },
      { method: "POST", path: "/start", cookie: "$BROWSER", body: "t=$LINK" },
      { method: "GET", path: "/callback?state=x", cookie: "$BROWSER" },
      { method: "GET", path: "/callback?state=x" },
      { method: "GET", path: "/callback?state=$STATE&code=a&code=b", cookie: "$BROWSER; $TRIP", twice: true },
      { method: "GET", path: "/callback?state=$WHO&code=good", cookie: "$BROWSER; $TRIP", twice: true },
      { method: "GET", path: "/callback?state=$PAST&code=good", cookie: "$BROWSER; $TRIP" },
      { method: "POST", path: "/start", cookie: "$BROWSER; $TRIPS", body: "t=$LINK&f=$START" },
      {
        method: "POST",
        path: "/start",
        cookie: `$BROWSER; $TRIP; __Host-hosted-agent-sign-in-2=${"x".repeat(4_000)}; a; =b`,
        body: "t=$LINK&f=$START",
      },
      { method: "GET", path: "/done?r=$DONE", cookie: "$BROWSER" },
      { method: "GET", path: "/done?r=$FAILED", cookie: "$STALE" },
      { method: "GET", path: "/done?r=x" },
      { method: "POST", path: "/status", body: "link=https://agent.example.com/sign-in/start?t%3d$LINK" },
      { method: "POST", path: "/status", body: "link=$OLD" },
      { method: "POST", path: "/status", body: "link=https://agent.example.com" },
      { method: "POST", path: "/status", body: "link=" },
      { method: "POST", path: "/status", body: `link=https://${"A".repeat(17_000)}/` },
      { method: "POST", path: "/status", body: "link=$LINK", broken: true },
      { method: "GET", path: "/start?t=$LINK", broken: true },
      { method: "GET", path: "/connections" },
      { method: "GET", path: "/connections?note=gone", cookie: "$ACCOUNT" },
      { method: "GET", path: "/connections?note=toString", cookie: "$BROWSER" },
      { method: "POST", path: "/connections/sign-in", cookie: "$BROWSER", body: "f=$SIGNIN" },
      { method: "POST", path: "/connections/sign-in", cookie: "$BROWSER", body: "f=$LEAVE" },
      { method: "POST", path: "/connections/leave", cookie: "$BROWSER", body: "f=$LEAVE" },
      { method: "POST", path: "/connections/leave", cookie: "$BROWSER", body: "f=$SIGNIN" },
      { method: "POST", path: "/connections/leave", body: "f=x" },
      {
        method: "POST",
        path: "/connections/end",
        cookie: "$ACCOUNT",
        body: "c=$END&act=changeAccount&sure=yes",
      },
      { method: "POST", path: "/connections/end", cookie: "$ACCOUNT", body: "c=$END" },
      { method: "POST", path: "/connections/end", cookie: "$BROWSER", body: "c=$END" },
      { method: "POST", path: "/connections/end", cookie: "$BROWSER", body: "c=$ODD" },
      { method: "POST", path: "/connections/end", cookie: "$BROWSER", body: "c=x" },
      { method: "PUT", path: "/start" },
      { method: "GET", path: "/nowhere" },
      { method: "GET", path: "/sign-in/start", whole: true },
    ],
    words: [
      "&t=",
      "?t=",
      "&f=",
      "&state=",
      "&code=",
      "&error=",
      "AADSTS",
      "$LINK",
      "$STATE",
      "$BROWSER",
      "$ACCOUNT",
      "$START",
      "$ADA",
      "$GONE",
      "$TRIP",
      "$ENTRA",
      "good",
      "down",
      "away",
      "%24",
      "__Host-hosted-agent-sign-in=",
    ],
    async run(input) {
      values.clear();
      drawn = 0;
      trip = "";
      let last: unknown;
      for (const one of [input, ...listIn(input, "next").slice(0, 3)]) last = await sent(one);
      return last;
    },
    public: [
      ...["start", "callback", "done", "connections"].map((page) => `${publicUrl}/${page}`),
      `https://login.microsoftonline.com/${tenant}`,
    ],
    // A page may hold the link it is about, in its form; what is in the address must not come back otherwise.
    secrets: (input) => [
      field(input, "cookie"),
      ...[...new URLSearchParams(field(input, "path").split("?")[1] ?? "").values()].filter(
        (value) => !value.startsWith("$"),
      ),
    ],
    says: (value) => {
      const { text = "", location = "" } = (value ?? {}) as { text?: string; location?: string | null };
      return `${text.replace(/ value="[^"]*"| href="[^"]*"/g, "")} ${location?.startsWith("https://login.microsoftonline.com/") === true ? "" : location?.split("?")[0]}`;
    },
    holds(_input, value) {
      const { status, location, text } = (value ?? { status: 200, location: null, text: "" }) as {
        status: number;
        location: string | null;
        text: string;
      };
      if (
        location !== null &&
        !location.startsWith("https://agent.example.com/sign-in/") &&
        !location.startsWith("https://login.microsoftonline.com/")
      )
        throw new Error("a redirect to anywhere");
      if (status === 500 || /<script/i.test(text.replace(`<script>${codeScript}</script>`, "")))
        throw new Error("a page that must not be");
    },
    unreachable: [
      {
        file: "src/sign-in/flow/outcome.ts",
        line: 'isHostedAgentIdentityError(error) ? error.code : "unexpected"',
        why: "an error that is not of this package would be a fault of ours",
      },
      {
        file: "src/sign-in/flow/status.ts",
        line: 'isHostedAgentIdentityError(error) ? error.code : "unexpected"',
        why: "an error that is not of this package would be a fault of ours",
      },
      {
        file: "src/sign-in/flow/entra-answer.ts",
        line: 'if (!isHostedAgentIdentityError(error)) return "trouble"',
        why: "an error that is not of this package would be a fault of ours",
      },
      {
        file: "src/sign-in/texts/languages.ts",
        line: 'languages.find(({ tag }) => tag === "en")',
        why: "English is among the languages",
      },
      {
        file: "src/sign-in/texts/languages.ts",
        line: 'const [range = "", ...parameters]',
        why: "a split text has a first part",
      },
      {
        file: "src/sign-in/flow/handler.ts",
        line: 'pair.split("=", 2)[1] ?? ""',
        why: "the cookies of what a handler throws, which would be a fault of ours",
      },
      {
        file: "src/sign-in/flow/cookies.ts",
        line: 'const secure = publicUrl.startsWith("https:")',
        why: "an address on a loopback host: test/sign-in/flow",
      },
      {
        file: "src/sign-in/flow/cookies.ts",
        line: 'if (publicUrl.startsWith("https:"))',
        why: "an address on a loopback host: test/sign-in/flow",
      },
      {
        file: "src/sign-in/flow/attempt.ts",
        line: "if (packed === undefined && ticket !== undefined)",
        why: "whoever begins one has opened the ticket",
      },
      {
        file: "src/sign-in/flow/attempt.ts",
        line: "> maxCookieBytes) return undefined",
        why: "an agent makes no ticket that does not fit: test/sign-in/flow/attempts",
      },
      {
        file: "src/sign-in/flow/start.ts",
        line: "return begun ?? {",
        why: "an agent makes no ticket that does not fit: test/sign-in/flow/attempts",
      },
      {
        file: "src/sign-in/flow/connections.ts",
        line: "return begun ?? {",
        why: "without a ticket it always fits",
      },
      {
        file: "src/sign-in/flow/entra-answer.ts",
        line: 'if (error.code === "quota_reached")',
        why: "an account with too much: test/sign-in/flow/attempts",
      },
      {
        file: "src/sign-in/flow/connections.ts",
        line: "accountLinks[core.app",
        why: "another cloud: test/sign-in/flow",
      },
      {
        file: "src/sign-in/flow/outcome.ts",
        line: "const { code, expiresAt = 0",
        why: "outcomes with a code say until when",
      },
    ],
  },
  {
    name: "codes and answers in the chat",
    from: "people who type",
    files: [
      "src/sign-in/binding/code.ts",
      "src/sign-in/binding/answer.ts#answerIn,meaningOf,longestPhrase,plain",
      "src/sign-in/binding/typed.ts",
    ],
    shape: "text",
    seeds: [
      "ABC-D2E-FGH",
      "abc d2e fgh.",
      "my code is ABC-D2E-FGH, thanks",
      "“ABCD2EFGH”",
      "order 123-456-789 and ABC-D2E-FGY",
      "AB0-121-8GH",
      "ＡＢＣ‐Ｄ２Ｅ‐ＦＧＨ",
      "yes",
      "Nein!",
      "はい。",
      "ABC-DEF-GHI",
      "4NR-ZHJ-N6",
      "<at>Contacts Agent</at> yes please",
      '&lt;at id="0"&gt;Agent&lt;/at&gt;&nbsp;abcd2efgh',
      "@Contacts Agent oui, c'est moi",
      "<@U0ABC2DEF|agent> **ABC-D2E-FG** :+1:",
      "> Is it yours?\n\nYes 👍🏽",
      "<blockquote>Is it?</blockquote><p>no thanks</p>",
      "[Agent](https://matrix.to/#/@agent:example.org): cancel",
      "",
      newCode(random),
      "x".repeat(100_001),
      "ABCD2EFGH ABCD2EFGH",
      "&#xd800;&#1114112;&#x41;&unknown;&AMP; yes",
      "@Contacts yes",
      "@contacts-agent",
      "contacts-agent, yes",
      "yes no",
      "ok, cancel",
    ],
    words: [
      ...["ABC-D2E-", "-", "‐", "\u200b", "2", "7", "oui", "no.", "ﷺ", "please", "@", "\n> "],
      ...["<at>", "</at>", "&lt;", "&#x301;", "<", ">", "<blockquote>", "</blockquote>", ":+1:", "👍"],
      ...["<span Mention", "[", "](https://matrix.to/", "<a href=", " A", "\u0301"],
    ],
    run(input) {
      const text = textOf(input);
      const { codes, likely, nearly } = typedCodes(text, "contacts-agent");
      const [code] = [...codes, ...likely];
      return {
        codes: [...codes, ...likely],
        nearly,
        answer: answerIn(text, undefined, "contacts-agent"),
        title: titleOf(text),
        ours: looksOurs(text),
        same: sameDigest(codeDigest(text), codeDigest(code ?? "")),
      };
    },
    holds(input, value) {
      const { codes, answer, nearly, title } = value as {
        codes: readonly string[];
        answer: string | undefined;
        nearly: boolean;
        title: string;
      };
      if (!codes.every((code) => /^[A-Z2-7]{9}$/.test(code) && /\d/.test(code)))
        throw new Error("a code that no person could have");
      if (codes.length > 0 && nearly && codes.length !== new Set(codes).size)
        throw new Error("a code that counts twice");
      if (answer !== undefined && codes.length > 0) throw new Error("an answer that is a code");
      if (answer !== undefined && ownText(visibleText(textOf(input))).length > 100)
        throw new Error("an answer in a long text");
      if (title.length > 122 || /[\p{Cc}\p{Cf}]/u.test(title)) throw new Error("a title of any form");
    },
    unreachable: [
      {
        file: "src/sign-in/binding/code.ts",
        line: 'const [once = "", twice = ""]',
        why: "both halves of a list are lists",
      },
      {
        file: "src/sign-in/binding/typed.ts",
        line: "entities[name.toLowerCase()] ?? entity",
        why: "the expression finds only names of the table",
      },
      {
        file: "src/sign-in/binding/code.ts",
        line: "export function typedCodes(",
        why: "the agent is always named here",
      },
      {
        file: "src/sign-in/binding/answer.ts",
        line: "export function answerIn(",
        why: "the agent is always named here",
      },
    ],
  },
  {
    name: "values of the sign-in store",
    from: "whoever can write to the store",
    files: [
      "src/sign-in/grants/record.ts",
      "src/sealing/keyring.ts#keyring",
      "src/sign-in/grants/account-index.ts",
    ],
    shape: "text",
    seeds: [
      record,
      record.split(".")[0] ?? "",
      `.${record.split(".")[1] ?? ""}`,
      `${record.split(".")[0] ?? ""}..${record.split(".")[2] ?? ""}`,
      `x.${core.keys.seal("grant-address", [], { v: 1 })}`,
      `${core.keys.seal("grant", ["agent", core.app.facts.cloud.loginEndpoint, clientId, owner, "any"], { v: 1 })}.x`,
      `${record.split(".")[0] ?? ""}.${record.split(".")[0] ?? ""}`,
      core.keys.seal("pin", ["agent", core.app.facts.cloud.loginEndpoint, clientId, owner], account),
      core.keys.seal(
        "index",
        ["agent", core.app.facts.cloud.loginEndpoint, clientId, tenant, oid],
        [
          { owner, at: now },
          { owner: "another", at: now, until: now + 1 },
          { owner: "past", at: 0, until: 1 },
        ],
      ),
      core.keys.seal("grant", ["another"], { v: 1 }),
      "",
      "A".repeat(44),
    ],
    async run(input) {
      const text = textOf(input);
      const odd: SignInContext = {
        ...core,
        store: {
          ...store,
          get: async () => text,
          take: async () => text,
          compareAndSet: async (_, seen) => seen === text,
        },
      };
      const index = accountIndex(odd, odd.store, async () => false);
      const principals = await index.list(account);
      await index.look(account);
      await index.expect(account, owner, now + 60_000);
      await index.add(account, owner);
      await index.add(account, owner, now + 60_000);
      await index.remove(account, owner);
      return {
        record: records.open(owner, text),
        tokens: records.tokensOpener(owner)(text),
        address: records.address(text),
        principals,
        waiting: await waitingOf(odd, owner).read(),
        pin: allows(await readPin(odd, owner), account),
        messages: await readMessages(odd, owner, undefined),
        unconfirmed: await questionsOf(odd, owner, undefined).read(),
        current: core.keys.isCurrent(text),
        known: core.keys.knows(text),
        names: core.keys.namesOf("grant", [text]),
        attempt: await endAttempt(odd, browser, new Request(publicUrl), text, () => undefined),
      };
    },
    holds(input, value) {
      const { record: opened, tokens } = value as {
        record: { grant?: { account: object } } | undefined;
        tokens: unknown[];
      };
      const [first = "", , third = ""] = textOf(input).split(".");
      const isOurs = (part: string, at: number): boolean => sameBytes(part, record.split(".")[at] ?? "");
      if (opened?.grant !== undefined && !isOurs(first, 0)) throw new Error("a grant that was not sealed");
      if (tokens.length > 0 && !isOurs(third, 2)) throw new Error("a token that was not sealed");
    },
    unreachable: [
      {
        file: "src/sealing/keyring.ts",
        line: "sealed.length > maxSealedLength",
        why: "a value of more than 4 MiB: test/docs/limits",
      },
      {
        file: "src/sealing/keyring.ts",
        line: "equals(repeated)) return undefined",
        why: "the context is authenticated: what says another one does not open",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "const isNeeded = async",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "if (at + settledMs > now()",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "return pinned !== undefined &&",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "> maxIndexBytes ? undefined : next",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "if (inTheWay === undefined) return",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "for (const one of inTheWay)",
        why: "a full index: test/sign-in/grants/account-index",
      },
      {
        file: "src/sign-in/grants/account-index.ts",
        line: "if ((await write(dead)) !== undefined)",
        why: "a full index: test/sign-in/grants/account-index",
      },
    ],
  },
  {
    name: "errors of Redis",
    from: "Redis and its client",
    files: ["src/sign-in/stores/redis-calls.ts#fromClient"],
    shape: "fields",
    seeds: [
      { message: "OOM command not allowed when used memory > 'maxmemory'. script: 0x5f, on @user_script:5." },
      {
        message:
          "ERR Error running script (call to f_6b1bf): @user_script:9: -OOM command not allowed when used memory > 'maxmemory'",
      },
      {
        message:
          "ERR unknown command 'EVAL', with args beginning with: 'local live' 'c2VhbGVk5k2l9x8w7v6u5t4s3r2q1p0oAbCd'",
      },
      { message: "WRONGPASS invalid username-password pair or user is disabled." },
      { message: "connect ECONNREFUSED 127.0.0.1:6379", code: "ECONNREFUSED" },
      { message: "Socket closed unexpectedly" },
      { message: "NOPERM this user has no permissions", plain: true },
    ],
    words: ["NOAUTH ", "READONLY ", "MISCONF ", ": -", "with args", "script: 0x"],
    run(input) {
      const message = field(input, "message");
      throw fromClient(
        valueIn(input, "plain") === true
          ? message
          : Object.assign(new Error(message), { code: valueIn(input, "code") }),
      );
    },
    // What Redis repeats of a command stands behind "with args".
    secrets: (input) =>
      /^[A-Z]{2,} /.test(field(input, "message"))
        ? [field(input, "message").split(" with args")[1] ?? ""]
        : [],
    unreachable: [
      {
        file: "src/sign-in/stores/redis-calls.ts",
        line: "[0] ?? word",
        why: "a split text has a first part",
      },
    ],
  },
];

const brokenSignIn = createSignIn({
  app,
  publicUrl,
  resources: [contacts],
  store: {
    ...store,
    shared: false,
    get: () => Promise.reject(new Error("down")),
    take: () => Promise.reject(new Error("down")),
  },
  encryptionKeys,
  agentName: "agent",
  now: () => now,
  random,
});

function sameBytes(a: string, b: string): boolean {
  return Buffer.from(a, "base64url").equals(Buffer.from(b, "base64url"));
}
