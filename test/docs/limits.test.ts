import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  clientSecret,
  ConsentRequiredError,
  createUserContext,
  entraApp,
  isUserTokenError,
  protectedResource,
  responses,
  UserContext,
} from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { isOAuthConsentRequest } from "hosted-agent-identity/consent";
import { webHandler } from "hosted-agent-identity/node";
import { createSignIn, memoryStore } from "hosted-agent-identity/sign-in";
import { maxChallengeLength, parseChallenges } from "../../src/access/challenges.js";
import { urlMatch } from "../../src/access/url-match.js";
import { readText } from "../../src/cli/read-text.js";
import { errorChain } from "../../src/consent/error-chain.js";
import { linkFault } from "../../src/consent/link-policy.js";
import { signingKeys } from "../../src/user-token/signing-keys.js";
import { checkShape } from "../../src/user-token/token-checks.js";
import { verifierOptions } from "../../src/user-token/verify.js";
import { clocksOf } from "../../src/async/clocks.js";
import { parseJson } from "../../src/input/json-limits.js";
import { redacted } from "../../src/errors/redact.js";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { capturingNetwork } from "../../src/exchange/network-module.js";
import { toolboxConsent } from "../../src/foundry/toolbox-consent.js";
import { withUrlElicitation } from "../../src/access/elicitation-capability.js";
import { elicitedBy, mayElicit } from "../../src/access/elicitation-messages.js";
import { eventScanner, scanned } from "../../src/access/event-scanner.js";
import { inspected } from "../../src/access/inspected-answer.js";
import { mcpServerOptions } from "../../src/server/options.js";
import { noAudit } from "../../src/sign-in/audit/auditor.js";
import { answerIn } from "../../src/sign-in/binding/answer.js";
import { newCode, typedCodes } from "../../src/sign-in/binding/code.js";
import { keepPrompt, readMessages } from "../../src/sign-in/binding/prompt.js";
import type { SignInContext } from "../../src/sign-in/sign-in-context.js";
import { linkKeys } from "../../src/sign-in/link/agents.js";
import { browserCookie, browserOf } from "../../src/sign-in/flow/browser.js";
import { formOf } from "../../src/sign-in/flow/replies.js";
import { openTicket, sealTicket, type Ticket } from "../../src/sign-in/link/ticket.js";
import { maxClaimsLength } from "../../src/sign-in/remote/api-routes.js";
import { readJson } from "../../src/sign-in/remote/wire.js";
import { keyring } from "../../src/sealing/keyring.js";
import { maxSealed } from "../../src/tokens/shared-cache-state.js";
import { collect } from "../support/consenting-access.js";
import { listening } from "../support/listening.js";

/** Whether an entry takes so much. A limit that only a constant tells is compared with it. */
type Takes = (size: number) => boolean | Promise<boolean>;

const tenantId = "11111111-1111-4111-8111-111111111111";
const now = 1_790_000_000_000;
const contacts = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const encryptionKeys = [new Uint8Array(32).fill(7)];
const core: SignInContext = {
  app: entraAppInternals(entraApp({ tenantId, clientId: tenantId, credential: clientSecret("s") })),
  publicUrl: "https://agent.example.com",
  resources: [contacts],
  store: memoryStore({ quiet: true }),
  keys: keyring(encryptionKeys),
  agent: "agent",
  now: () => now,
  random: (bytes) => new Uint8Array(bytes),
  onEvent: undefined,
  audit: noAudit,
};
const someone = (): UserContext =>
  new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} });
const noThrow = (work: () => unknown): boolean => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};
const resolves = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => true,
    () => false,
  );
const nested = (levels: number): string => "[".repeat(levels) + "]".repeat(levels);

/** By the name of the line. */
const entries: Readonly<Record<string, Takes>> = {
  "body of `POST /responses`": async (bytes) => {
    const handler = responses(async function* () {
      yield "ok";
    });
    const json = `{"input":"${"x".repeat(bytes - 12)}"}`;
    const headers = { "content-type": "application/json" };
    const statuses = await Promise.all(
      [
        { headers, body: json },
        { headers: { ...headers, "content-encoding": "gzip" }, body: gzipSync(json) },
      ].map(async (init) => {
        const request = new Request("https://a.example/responses", { method: "POST", ...init });
        return (await handler(request, someone())).status;
      }),
    );
    expect(new Set(statuses).size).toBe(1);
    return statuses[0] === 200;
  },
  "body of an MCP call at `protectMcpServer()`": (bytes) =>
    bytes <= mcpServerOptions.maxBodyBytes.read(undefined, ""),
  "body of a request that `webHandler()` serves": async (bytes) => {
    const server = createServer(webHandler(async (request) => new Response(await request.arrayBuffer())));
    const host = await listening(server);
    const { status } = await fetch(host.url, { method: "POST", body: "x".repeat(bytes) });
    await host.close();
    return status === 200;
  },
  "body of the sign-in API, and its answers": (bytes) =>
    resolves(readJson(new Response(`{"text":"${"x".repeat(bytes - 11)}"}`))),
  "form of the sign-in pages": async (bytes) =>
    (await formOf(
      new Request("https://a.example", {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: `t=${"x".repeat(bytes - 2)}`,
      }),
    )) !== undefined,
  "JSON of any of them, of tokens, answers and challenges": (levels) =>
    noThrow(() => parseJson(nested(levels))),
  "values in such JSON": (values) => noThrow(() => parseJson(`[${"0,".repeat(values - 2)}0]`)),
  "event that a run yields": (levels) => yields(JSON.parse(nested(levels - 1))),
  "values in such an event": (values) => yields(Array.from({ length: values - 6 }, () => 0)),
  "user token": (bytes) =>
    noThrow(() =>
      checkShape(`a.b.${"c".repeat(bytes - 4)}`, verifierOptions.maxTokenBytes.read(undefined, "")),
    ),
  "platform's ids in headers": async (characters) => {
    const environment = { hosted: true, projectEndpoint: "https://p.example", agentName: "agent" };
    const id = "u".repeat(characters);
    const made = createUserContext({ "x-agent-user-id": id }, { verify: "none", environment });
    return made.then(
      () => true,
      (error: unknown) => {
        expect(isUserTokenError(error) && error.code).toBe("identity_header_invalid");
        return false;
      },
    );
  },
  "chat message in which a code is looked for": (characters) =>
    typedCodes(newCode(randomBytes).padStart(characters)).codes.length > 0,
  'answer to "is that your account?"': (characters) => answerIn("yes".padEnd(characters, "!")) !== undefined,
  "message that waits for a sign-in": async (characters) => {
    await keepPrompt(core, "owner", undefined, "x".repeat(characters));
    return (await readMessages(core, "owner", undefined))?.messages.prompt !== undefined;
  },
  "claims that an agent asks the sign-in API for": (characters) => characters <= maxClaimsLength,
  "sign-in link's ticket": (characters) => {
    const keys = linkKeys({ agentName: "agent", resources: [contacts], encryptionKeys });
    const sealed = ofLength(characters, (filler) => {
      const ticket: Ticket = {
        id: "t",
        agent: "agent",
        principal: { kind: "platform", project: "p", agent: "agent", id: "u" },
        resource: contacts.url,
        serverLabel: "contacts",
        scopes: contacts.scopes,
        // A sign-in with as much in it is refused where the link is made.
        elicitation: { url: contacts.url, message: filler },
        askedAt: now,
        expiresAt: now + 1000,
      };
      return sealTicket(core, keys, ticket);
    });
    return openTicket(core, keys, sealed).status === "good";
  },
  "`Cookie` header at the sign-in pages": (characters) => {
    const [cookie = ""] = browserCookie(core, { id: "b" }).split(";");
    return isBrowser(`${"x=".padEnd(characters - cookie.length - 1, "y")};${cookie}`);
  },
  "cookies of our name in it": (count) => {
    const [cookie = ""] = browserCookie(core, { id: "b" }).split(";");
    const [name = ""] = cookie.split("=");
    return isBrowser([...Array.from({ length: count - 1 }, () => `${name}=planted`), cookie].join("; "));
  },
  "sealed value of the sign-in store": (characters) =>
    core.keys.open(
      "grant",
      [],
      atLeast(characters, (filler) => core.keys.seal("grant", [], filler)),
    ) !== undefined,
  "sealed value of the shared cache": (characters) => characters <= maxSealed,
  "consent link": (characters) => {
    const link = "https://login.example.com/".padEnd(characters, "x");
    const isCard = isOAuthConsentRequest({ type: "oauth_consent_request", id: "o", consent_link: link });
    expect(isCard).toBe(linkFault(link) === undefined);
    return isCard;
  },
  "request's URL": (characters) =>
    urlMatch(contacts.url)(`${contacts.url}/`.padEnd(characters, "x")) !== undefined,
  "`WWW-Authenticate`": (characters) => {
    expect(maxChallengeLength).toBe(maxClaimsLength);
    return parseChallenges("Bearer a=b, x=".padEnd(characters, "y")).length > 0;
  },
  "challenges in it": (count) =>
    parseChallenges(Array.from({ length: count }, (_, n) => `A${n}`).join(", ")).some(
      ({ scheme }) => scheme === `a${count - 1}`,
    ),
  "answer of the token endpoint": (bytes) => {
    const body = `{"x":"${"y".repeat(bytes - 8)}"}`;
    const network = capturingNetwork({
      fetch: async () => new Response(body),
      signal: new AbortController().signal,
      loginEndpoint: "https://login.example.com",
    });
    return resolves(network.sendPostRequestAsync("https://login.example.com/t/oauth2/v2.0/token"));
  },
  "answer of the keys endpoint": async (bytes) => {
    const body = `{"keys":[],"x":"${"y".repeat(bytes - 18)}"}`;
    const { cloud } = core.app.facts;
    const keys = signingKeys({
      cloud,
      clocks: clocksOf(() => now),
      timeoutMs: 5_000,
      fetch: async () => new Response(body),
    });
    const error: unknown = await keys.keyFor(tenantId, "k").catch((thrown: unknown) => thrown);
    return isUserTokenError(error) && error.code === "user_token_key_unknown";
  },
  "message of a toolbox's JSON-RPC error": (characters) => {
    const message = "https://logic-x.consent.azure-apihub.net/login ".padEnd(characters);
    return toolboxConsent({ code: -32006, message }, "box").length > 0;
  },
  "event of a toolbox's stream": (bytes) => {
    const scanner = eventScanner();
    const event = Buffer.from(`data: ${"x".repeat(bytes - 6)}`);
    for (let at = 0; at < event.length; at += 8_192) scanner.push(event.subarray(at, at + 8_192));
    return scanned(scanner, Buffer.from("\n\n")).some(({ data }) => data !== "");
  },
  "answer of an MCP server that asks for a URL": async (bytes) => {
    const asking = { jsonrpc: "2.0", id: 1, method: "elicitation/create", params: { mode: "url", url: "x" } };
    const body = JSON.stringify(asking).padEnd(bytes);
    const response = new Response(body, { headers: { "content-type": "application/json" } });
    const judge = {
      mayConcern: mayElicit,
      judge: (message: unknown) =>
        elicitedBy(message) && { error: new ConsentRequiredError([]), code: 1, id: 1 },
    };
    return inspected(response, judge, true).then(
      () => false,
      () => true,
    );
  },
  "request in which `elicitation.url` is declared": (characters) => {
    const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: { capabilities: {} } };
    const init = { method: "POST", headers: {}, body: JSON.stringify(initialize).padEnd(characters) };
    return withUrlElicitation(init) !== init;
  },
  "objects that an error wraps": (count) => {
    const errors = Array.from({ length: count - 2 }, (_, n) => new Error(String(n)));
    return [...errorChain(new AggregateError(errors))].includes(errors.at(-1) as Error);
  },
  "message of a foreign error that is printed": (characters) =>
    redacted("x ".repeat(characters).slice(0, characters)).length === characters,
  "file or standard input of the command line": (bytes) =>
    resolves(readText("-", "input", { stdin: Readable.from([Buffer.alloc(bytes, "x")]) })),
};

async function yields(more: unknown): Promise<boolean> {
  const item = { type: "message", id: "m" };
  const events = await collect(
    withConsent(
      async function* () {
        yield { type: "response.output_item.added", output_index: 0, item, more } as never;
      },
      { context: someone(), onError: () => {} },
    ),
  );
  return events.at(-1)?.response?.error?.code !== "invalid_run_output";
}

/** The first text that is at least so long: base64 has no text of 4 n + 1 characters. */
function atLeast(characters: number, sealed: (filler: string) => string): string {
  let filler = Math.max(0, Math.floor((characters * 3) / 4) - sealed("").length - 100);
  for (;;) {
    const text = sealed("x".repeat(filler));
    if (text.length >= characters) return text;
    // Three bytes become four characters; the last steps are single ones, since base64 is filled up.
    filler += Math.max(1, Math.floor(((characters - text.length) * 3) / 4) - 3);
  }
}

/** The same for a text that is packed before it is sealed. Not every length can be had: the nearest one on this side. */
function ofLength(characters: number, sealed: (filler: string) => string): string {
  const [least, most] = characters % 4 === 0 ? [characters - 3, characters] : [characters, characters + 3];
  let length = Math.floor(characters / 2);
  for (let tries = 0; tries < 1000; tries += 1) {
    const text = sealed(randomBytes(length).toString("base64url").slice(0, length));
    if (text.length >= least && text.length <= most) return text;
    length += Math.trunc((least - text.length) / 4) || Math.sign(least - text.length);
  }
  throw new Error("no such length");
}

function isBrowser(cookie: string): boolean {
  const request = new Request("https://agent.example.com/connections", { headers: { cookie } });
  return browserOf(core, request) !== undefined;
}

const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
const [, section = ""] = /^## Limits$([^]*?)^## /m.exec(page) ?? [];
const lines = [...section.matchAll(/^\| (?!what comes in)([^|]+?) \| ([\d ]+)\b[^|]*\| ([^|]+) \|$/gm)].map(
  ([, name = "", most = ""]) => [name, Number(most.replaceAll(" ", ""))] as const,
);

describe("the limits of what comes from outside", () => {
  it("are one line for each entry, and every line is tried here", () => {
    expect(section.match(/^\| /gm)).toHaveLength(lines.length + 1);
    expect(lines.map(([name]) => name)).toEqual(Object.keys(entries));
  });

  it.each(lines)("%s: %i, and not one more", async (name, most) => {
    const takes = entries[name] as Takes;
    expect(await takes(most)).toBe(true);
    expect(await takes(most + 1)).toBe(false);
  });

  it("hold for links that sign-in makes, too", () => {
    expect(() =>
      createSignIn({
        app: entraApp({ tenantId, clientId: tenantId, credential: clientSecret("s") }),
        publicUrl: `https://agent.example.com/${"x".repeat(9_000)}`,
        resources: [contacts],
        store: memoryStore({ quiet: true }),
        encryptionKeys,
      }),
    ).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });
});
