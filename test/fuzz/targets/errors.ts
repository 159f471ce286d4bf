import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  toolApproval,
  toolCallApproval,
  findConsentRequired,
} from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { read } from "../../../src/consent/error-chain.js";
import { runInContext } from "../../../src/context/ambient.js";
import { recordConsent } from "../../../src/context/internals.js";
import { internalsOf } from "../../../src/context/user-context.js";
import { redacted } from "../../../src/errors/redact.js";
import { jsonRpcError } from "../../../src/foundry/json-rpc.js";
import { clientSessions } from "../../../src/mcp/client-pool.js";
import { rpcOutcome } from "../../../src/toolbox/rpc-outcome.js";
import { leaked } from "../engine/leak.js";
import {
  behindOrigin,
  field,
  listIn,
  textsIn,
  textOf,
  valueIn,
  type FuzzTarget,
  type Input,
} from "../target.js";
import { platformContext } from "./people.js";

const policy = consentLinkPolicy({ allowedOrigins: ["https://consent.example.com"] });
const link = "https://consent.example.com/login?data=5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGh";
const listing = `tools/list failed for 1 tool source(s), succeeded for 0 tool source(s) ${JSON.stringify({
  errors: [
    { name: "contacts", type: "mcp", error: { code: "CONSENT_REQUIRED", message: `Consent: ${link}.` } },
  ],
})}`;
const mixed = `failed ${JSON.stringify({
  errors: [
    { name: "contacts", error: { code: "CONSENT_REQUIRED", message: link } },
    { name: 5, error: { code: "HTTP_500", message: "no" } },
    { name: "mail", error: { code: "CONNECTION_FAILED" } },
    null,
  ],
})}`;
const rpc = (error: unknown): unknown => ({ jsonrpc: "2.0", id: 1, error });

/** The links in an input: what nobody but the person may see. */
export function linksIn(input: Input): string[] {
  return textsIn(input).flatMap((text) => text.match(links)?.map(behindOrigin) ?? []);
}

// Where one link stands in another, the inner one is what a reader finds.
const links = /https?:\/\/(?:(?!https?:\/\/)[^\s"'<>\\])*/gi;

/** All that is no link. Origins may be named. */
export function besidesLinks(input: Input): string {
  const origin = (link: string): string => `${link.slice(0, link.length - behindOrigin(link).length)}\n`;
  return textsIn(input)
    .map((text) => text.replace(links, origin))
    .join("\n");
}

/** What JSON cannot hold: getters that throw, a chain that bites its tail, real errors, our own. */
function withLife(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > 50) return value;
  if (Array.isArray(value)) return value.map((one) => withLife(one, depth + 1));
  const entries = Object.entries(value).map(([name, one]) => [name, withLife(one, depth + 1)] as const);
  const made: Record<string, unknown> = Object.fromEntries(entries);
  const kind = made["$"];
  if (kind === "throws")
    Object.defineProperty(made, "cause", {
      get: () => {
        throw new RangeError("no");
      },
    });
  if (kind === "circle") made["cause"] = made;
  if (kind === "error") return Object.assign(new Error("outer"), made);
  if (kind === "lost") return new HostedAgentIdentityError("mcp_session_lost");
  if (kind === "consent" && typeof made["link"] === "string")
    return new ConsentRequiredError([
      new ConsentRequest({ link: made["link"], serverLabel: "contacts", reason: "consent" }),
    ]);
  return made;
}

/** Secrets as they stand in messages of others: what is around the second one is the fuzzer's. */
const planted: readonly (readonly [before: string, secret: string, after: string])[] = [
  ["", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJBZGEgTG92ZWxhY2UifQ.c2lnbmF0dXJlLW9mLUFkYQ", ""],
  ["", "eyJhbGciOiJub25lIn0%2EeyJzdWIiOiJBZGEgTG92ZWxhY2UifQ%2Ec2lnbmF0dXJlLW9mLUFkYQ", ""],
  [" Bearer ", "opaque_and.lower-case_token_of_ada", " "],
  ["\nSet-Cookie: ", "session-of-ada=her-cookie-in-clear", "\n"],
  [" https://host.example/cb?", "code=the-code-of-ada-in-clear", " "],
  [" redis://", "ada:her-long-pass-word-in-clear", "@host.example "],
  [" client_secret=", "the-secret-of-the-agent-in-clear", "&"],
  ["", "Zm9v9Qx2T7bLk4Vd1RsW8yHc3NpGj6Ua", ""],
  ["", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", ""],
];

function plantedIn(input: Input): (typeof planted)[number] {
  const chosen = Number(field(input, "secret"));
  return planted[Number.isInteger(chosen) ? Math.abs(chosen) % planted.length : 0] ?? ["", "", ""];
}

export const errorTargets: readonly FuzzTarget[] = [
  {
    name: "messages of foreign errors",
    from: "whatever a run, a framework or a server throws",
    files: ["src/errors/redact.ts"],
    shape: "fields",
    seeds: [
      ...planted.map((_, secret) => ({ secret, before: "POST failed: ", after: " at index.js" })),
      { secret: 0, before: "eyJ".repeat(5_000), after: "" },
      { secret: 1, before: "?".repeat(9_000), after: "=" },
      { secret: 2, before: "a-".repeat(8_000), after: "" },
      { secret: 3, before: "authorization".repeat(1_000), after: " : ".repeat(100) },
      { secret: 4, before: "-----BEGIN KEY-----", after: "http://a@b/c#d file:///x?y=1 K7M-2QX-ABC" },
      { secret: 5, before: "a.b".repeat(5_000), after: "Bearer authentication failed, Basic Zm9vOmJhcg==" },
      { secret: 6, before: "%2e".repeat(5_000), after: "state=aaaaaaaaaa sk-aaaaaaaaaaaa" },
      { secret: 7, before: "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1 ", after: "1".repeat(24) },
      { secret: 8, before: "x".repeat(17_000), after: "abc8Q~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
    ],
    words: ["Bearer ", "Set-Cookie: ", "://", "eyJ", "%2E", "-----BEGIN ", "client_secret=", "@", "?a="],
    run(input) {
      const [before, secret, after] = plantedIn(input);
      return redacted(`${field(input, "before")}${before}${secret}${after}${field(input, "after")}`);
    },
    // What is planted is no part of the input.
    secrets: () => [],
    holds(input, value) {
      const [, secret] = plantedIn(input);
      const around = `${field(input, "before")}\n${field(input, "after")}`;
      const found = leaked([secret], textOf(value), around);
      if (found !== undefined) throw new Error(`${found.length} characters of a secret were left`);
      if (textOf(value).length > 2 * 8_192) throw new Error("the text has grown");
    },
  },
  {
    name: "errors of frameworks and servers",
    from: "MCP servers, through SDKs and frameworks",
    files: [
      "src/consent/error-chain.ts",
      "src/consent/find-consent-required.ts",
      "src/mcp/client-pool.ts#clientSessions,transportOf,hasId,httpStatus,causes,field",
    ],
    shape: "fields",
    seeds: [
      { error: { $: "error", cause: { $: "consent", link } }, toolbox: true },
      { error: { $: "error", errors: [{ $: "consent", link }, { $: "consent", link }, { $: "throws" }] } },
      { error: { code: -32006, message: listing, cause: { $: "circle" } }, toolbox: true },
      { error: { code: -32006, message: link }, toolbox: "policy" },
      { error: { code: -32006, message: link.replace("consent.", "evil.") }, toolbox: "policy" },
      { error: { code: -32006, message: link, data: { code: "consent_required" } }, recorded: true },
      { error: { code: -32006, message: link, data: { code: "consent_required" } }, toolbox: true },
      { error: { code: -32006, data: 5 }, policy: true },
      { error: { $: "consent", link: "javascript:alert(1)" } },
      { error: { $: "consent", link }, policy: true },
      {
        error: { reason: { originalError: { lastError: { code: -32006, message: "no link" } } } },
        toolbox: true,
      },
      { error: { $: "error", name: "Error", code: 404 }, client: { transport: { sessionId: "s" } } },
      { error: { code: "CLIENT_HTTP_404", data: { status: 404 } }, client: { transport: {} } },
      {
        error: { name: "MCPClientError", statusCode: 404, cause: { code: "OTHER" } },
        client: { transport: { sessionId: null } },
      },
      { error: { name: "McpError", code: 404 }, client: { transport: 5 } },
      { error: { code: "mcp_session_lost" }, client: { transport: { sessionId: "s" } }, lost: true },
      { error: { $: "lost" }, client: { transport: { sessionId: "s" } } },
      { error: 5, client: 5 },
      { error: { errors: Array.from({ length: 300 }, (_, at) => ({ at })) } },
    ],
    words: ["CONSENT_REQUIRED", "consent", "circle", "throws", "error", "404", link],
    run(input) {
      const error = withLife(valueIn(input, "error"));
      const sessions = clientSessions();
      const client = withLife(valueIn(input, "client"));
      sessions.note(client);
      sessions.isLost(client);
      sessions.isGone(error, client);
      if (typeof error === "object" && error !== null) read(error, "cause");
      const context = platformContext();
      if (valueIn(input, "lost") === true) internalsOf(context).lostSessions = new Set(["s"]);
      sessions.wasLostIn(context, client, 0);
      if (valueIn(input, "recorded") === true)
        recordConsent(context, [new ConsentRequest({ link, serverLabel: "contacts", reason: "consent" })]);
      const toolbox = valueIn(input, "toolbox");
      const options = {
        ...(toolbox === undefined ? {} : { toolbox: { serverLabel: "contacts" } }),
        ...(toolbox === "policy" || valueIn(input, "policy") === true ? { policy } : {}),
      };
      return runInContext(context, () => findConsentRequired(error, options));
    },
    says: (value) => (value === undefined ? "" : `${String(value)} ${JSON.stringify(value)}`),
    secrets: linksIn,
    rest: besidesLinks,
    holds(input, value) {
      if (!(value instanceof ConsentRequiredError)) return;
      if (
        valueIn(input, "toolbox") === undefined &&
        valueIn(input, "recorded") !== true &&
        !JSON.stringify(input).includes('"consent"')
      )
        throw new Error("a server that is no toolbox asked for consent");
    },
  },
  {
    name: "errors of a toolbox",
    from: "Foundry toolboxes, and sources behind them",
    files: [
      "src/foundry/json-rpc.ts",
      "src/foundry/toolbox-consent.ts",
      "src/toolbox/rpc-outcome.ts#rpcOutcome,toolboxLinkRefused,failed,withoutLinks",
      "src/toolbox/tool-approval.ts",
    ],
    shape: "value",
    seeds: [
      rpc({ code: -32006, message: listing }),
      rpc({ code: -32006, message: mixed }),
      rpc({ code: -32007, message: mixed }),
      rpc({
        code: -32007,
        message:
          'failed {"errors":[{"name":"a","error":{"code":"TIMEOUT"}},{"name":"b","error":{"code":"HTTP_503"}}]}',
      }),
      rpc({ code: -32007, message: { toString: 1 } }),
      rpc({ code: -32007, message: "}{" }),
      rpc({ code: -32007, message: '{"errors":[]}' }),
      rpc({ code: -32006, message: `${link} ${link}x` }),
      rpc({ code: -32006, message: `User consent is required. Please visit: ${link}.` }),
      rpc({ code: -32006, message: "https://evil.example.com/x" }),
      rpc({ code: -32006, message: `https://evil.example${".".repeat(60_000)}x` }),
      rpc({ code: -32006, message: "x".repeat(65_540) }),
      rpc({ code: -32600, message: "no" }),
      rpc(null),
      rpc("text"),
      { jsonrpc: "2.0", id: 1, error: { code: -32006, message: link }, result: {} },
      { jsonrpc: "2.0", method: "m", error: {} },
      { jsonrpc: "1.0" },
      [],
      null,
      { _meta: { tool_configuration: { require_approval: "never" } } },
      { _meta: { tool_configuration: { require_approval: { a: "always" } } } },
      { _meta: null },
      { name: "tool_search", tools: [{ name: "tool_search" }, { name: "call_tool" }] },
      {
        name: "tool_search",
        tools: [{ name: "tool_search" }, { name: "tool_search" }, { name: "call_tool" }],
      },
      {
        name: "tool_search",
        tools: [{ name: "tool_search", _meta: { tool_configuration: { require_approval: "always" } } }],
      },
      {
        name: "call_tool",
        arguments: { name: "a" },
        tools: [{ name: "a", _meta: { tool_configuration: { require_approval: "never" } } }],
      },
      { name: "call_tool", arguments: { name: "a", tool_name: "b" }, tools: [{ name: "a" }] },
      { name: "call_tool", arguments: { tool_name: "a" }, tools: [{ name: "a" }] },
      { name: "call_tool", arguments: {}, tools: [{ name: "a" }] },
      { name: "a", tools: [{ name: "a" }] },
    ],
    words: [
      "CONSENT_REQUIRED",
      '{"errors":[{"name":"a","error":{"code":"',
      '"}}]}',
      link,
      "HTTP_429",
      "-32006",
      "-32007",
    ],
    run(input) {
      if (typeof input === "object" && input !== null) toolApproval(input);
      const tools = listIn(input, "tools").map((tool) => Object(tool) as { name: string });
      const call = { name: field(input, "name"), arguments: valueIn(input, "arguments") };
      if (toolCallApproval(call, tools) === "never" && tools.length === 0)
        throw new TypeError("a call of nothing that is known needs no yes");
      const context = platformContext();
      const found = rpcOutcome({ serverLabel: "contacts", policy }, context)(input);
      return {
        found,
        links: context.consentRequests.map((one) => one.link),
        isError: jsonRpcError(input) !== undefined,
      };
    },
    says(value) {
      const { found } = value as { found: Error | undefined };
      return found === undefined
        ? ""
        : `${String(found)} ${JSON.stringify(found)} ${String((found.cause as Error | undefined)?.message)}`;
    },
    secrets: linksIn,
    rest: besidesLinks,
    holds(_input, value) {
      const { links, isError } = value as { links: string[]; isError: boolean };
      if (links.length > 0 && !isError)
        throw new Error("consent was asked for by something that is no error");
      for (const one of links)
        if (new URL(one).origin !== "https://consent.example.com")
          throw new Error("a link to anywhere was recorded");
    },
  },
];
