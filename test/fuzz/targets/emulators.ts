import { EventEmitter } from "node:events";
import http, { type IncomingMessage, type Server } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { Readable } from "node:stream";
import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import {
  type EntraEmulator,
  type FoundryEmulator,
  startEntra,
  startFoundry,
} from "hosted-agent-identity/testing";
import { RpcFailure, rpcMessage } from "../../../src/testing/foundry/toolbox/rpc.js";
import { field, listIn, maybe, textOf, valueIn, type FuzzTarget, type Input } from "../target.js";

const callback = "https://agent.example.com/callback";

/** Both emulators, with the servers that they listen with: requests are given to those without a socket. */
interface World {
  readonly entra: EntraEmulator;
  readonly foundry: FoundryEmulator;
  readonly servers: { readonly entra: Server; readonly foundry: Server };
  readonly words: Readonly<Record<string, string>>;
  /** What the agent answers next. */
  agentSays: { readonly type: string; readonly body: string; readonly status: number };
}

/** Each answer has an id of its own: the emulator refuses one that it has seen. */
let answers = 0;
let started: Promise<World> | undefined;

const world = (): Promise<World> =>
  (started ??= start().catch((cause: unknown) => {
    // Not one of our own errors, which would count as a refusal of the input.
    throw new Error(`the emulators did not start: ${String(cause)}`);
  }));

async function start(): Promise<World> {
  const servers: Server[] = [];
  const { createServer } = http;
  http.createServer = ((...all: Parameters<typeof createServer>) => {
    const server = createServer(...all);
    servers.push(server);
    return server;
  }) as typeof createServer;
  syncBuiltinESMExports();
  const entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "agent",
        scopes: ["access_as_user"],
        secrets: ["agent-secret"],
        redirectUris: [
          callback,
          "http://localhost:3000/back",
          { uri: "https://spa.example.com/", type: "spa" },
        ],
        requiredAccess: [{ resource: "mcp", scopes: ["mcp.read"] }],
      },
      { name: "mcp", scopes: ["mcp.read", "mcp.write"] },
      { name: "public", publicClient: true, redirectUris: [callback] },
      { name: "disabled", disabled: true },
      {
        name: "blueprint",
        scopes: ["access_agent"],
        secrets: ["blueprint-secret"],
        agentIdentities: ["clerk"],
        redirectUris: [callback],
      },
    ],
    users: [{ name: "Ada", admin: true }, { name: "Bob" }],
    managedIdentities: [{ name: "identity" }, { name: "second" }],
    policies: [{ type: "mfa", user: "Bob", resource: "mcp" }],
  });
  let made: World | undefined;
  const foundry = await startFoundry({
    entra,
    agent: () => {
      const { type, body, status } = made?.agentSays ?? { type: "application/json", body: "{}", status: 200 };
      return new Response(body, { status, headers: { "content-type": type } });
    },
    readiness: "skip",
    impersonators: ["Ada"],
    toolboxes: [
      {
        name: "tools",
        sources: [
          {
            name: "local",
            server: () => Response.json({ jsonrpc: "2.0", id: 0, result: {} }),
            tools: [{ name: "now" }],
            auth: { type: "none" },
          },
        ],
      },
    ] as never,
  });
  http.createServer = createServer;
  syncBuiltinESMExports();
  const [first, second] = servers as [Server, Server];
  const mcp = entra.app("mcp").identifierUris[0] ?? entra.app("mcp").clientId;
  entra.grantConsent({ user: "Ada", client: "agent", resource: "mcp", scopes: ["mcp.read"] });
  const ids = entra.managedIdentity.identities;
  const words = {
    $TENANT: entra.tenants[0]?.id ?? "",
    $AGENT: entra.app("agent").clientId,
    $PUBLIC: entra.app("public").clientId,
    $BLUEPRINT: entra.app("blueprint").clientId,
    $CLERK: entra.app("clerk").clientId,
    $DISABLED: entra.app("disabled").clientId,
    $MCP: mcp,
    $ADA: entra.user("Ada").oid,
    $BOB: entra.user("Bob").oid,
    $IDENTITY: ids[0]?.clientId ?? "",
    $OBJECT: ids[1]?.objectId ?? "",
    $RESOURCE: ids[1]?.resourceId ?? "",
    $COOKIE: `ESTSAUTHPERSISTENT-${new URL(entra.origin).port}`,
    $HEADER: entra.managedIdentity.env.IDENTITY_HEADER,
    $ASSERTION: await entra.issueUserToken({ user: "Ada", app: "agent" }),
    $FOREIGN: await entra.issueUserToken({ user: "Ada", app: "mcp" }),
    $CALLER: await entra.issueUserToken({ user: "Ada", app: "https://ai.azure.com", client: "agent" }),
    $BASIC: Buffer.from(`${entra.app("agent").clientId}:agent-secret`).toString("base64"),
  };
  made = {
    entra,
    foundry,
    servers: { entra: first, foundry: second },
    words,
    agentSays: { type: "", body: "", status: 200 },
  };
  return made;
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A request as Node's parser would hand it on, and what is answered; `undefined` for a connection that was cut. */
function answered(
  server: Server,
  {
    method,
    url,
    headers,
    body,
  }: { method: string; url: string; headers: readonly (readonly [string, string])[]; body: Buffer },
): Promise<Answered | undefined> {
  return new Promise((resolve) => {
    const plain: Record<string, string> = Object.create(null) as Record<string, string>;
    const distinct: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    for (const [name, value] of headers) {
      plain[name.toLowerCase()] ??= value;
      (distinct[name.toLowerCase()] ??= []).push(value);
    }
    const request = Object.assign(Readable.from(body.length === 0 ? [] : [body]), {
      method,
      url,
      headers: plain,
      headersDistinct: distinct,
      rawHeaders: headers.flat(),
      socket: { destroy: () => resolve(undefined) },
    });
    const chunks: string[] = [];
    let status = 0;
    let sent: Record<string, string> = {};
    const response = Object.assign(new EventEmitter(), {
      headersSent: false,
      writableFinished: false,
      writeHead(code: number, given: Record<string, string> | string[]) {
        status = code;
        sent = Array.isArray(given) ? {} : given;
        response.headersSent = true;
        return response;
      },
      flushHeaders: () => undefined,
      write: (chunk: Uint8Array | string) =>
        chunks.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8")) > 0,
      end(chunk?: string) {
        if (chunk !== undefined) chunks.push(chunk);
        response.writableFinished = true;
        response.emit("close");
        resolve({ status, headers: sent, body: chunks.join("") });
      },
    });
    server.emit("request", request as unknown as IncomingMessage, response);
  });
}

function filled(text: string, words: Readonly<Record<string, string>>): string {
  return text.replace(/\$[A-Z]+/g, (name) => words[name] ?? name);
}

/** What HTTP's parser lets through. */
function target(text: string): string {
  return text.replace(/[^!-~\u0080-\u00ff]/g, "") || "/";
}

function headerPairs(input: Input, words: Readonly<Record<string, string>>): [string, string][] {
  return listIn(input, "headers").flatMap((pair) => {
    const [name, value] = Array.isArray(pair) ? [textOf(pair[0] ?? ""), textOf(pair[1] ?? "")] : ["", ""];
    const checked = filled(value, words)
      .replace(/[^\t -~\u0080-\u00ff]/g, "")
      .trim();
    return /^[\w-]+$/.test(name) ? [[name, checked] as [string, string]] : [];
  });
}

const zips: ReadonlyMap<string, (bytes: Buffer) => Buffer> = new Map([
  ["br", (bytes: Buffer) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ["deflate", (bytes: Buffer) => deflateSync(bytes)],
  ["gzip", (bytes: Buffer) => gzipSync(bytes)],
]);

const query =
  "client_id=$AGENT&response_type=code&redirect_uri=https%3A%2F%2Fagent.example.com%2Fcallback&scope=openid%20offline_access%20$MCP%2Fmcp.read&state=s";
const token = "POST /$TENANT/oauth2/v2.0/token";
const obo =
  "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&client_id=$AGENT&client_secret=agent-secret&requested_token_use=on_behalf_of";
const response = {
  object: "response",
  id: "caresp_$ID",
  status: "completed",
  completed_at: 5,
  error: null,
  agent_reference: { type: "agent_reference", name: "agent" },
  output: [{ type: "message", id: "msg_1", content: [] }],
};
const asks = {
  ...response,
  status: "incomplete",
  completed_at: null,
  output: [
    {
      type: "oauth_consent_request",
      id: "oacr_1",
      consent_link: "https://x.example.com",
      response_id: response.id,
      agent_reference: response.agent_reference,
    },
  ],
};
const sse = (...events: object[]): string =>
  events
    .map(
      (event, sequence_number) =>
        `event: ${(event as { type: string }).type}\ndata: ${JSON.stringify({ sequence_number, ...event })}\n\n`,
    )
    .join("");
const created = { type: "response.created", response: { ...response, status: "in_progress", output: [] } };
const begun = { ...created, type: "response.in_progress" };
const done = { type: "response.output_item.done", output_index: 0, item: response.output[0] };
const responses = "/api/projects/support/agents/agent/endpoint/protocols/openai/responses?api-version=v1";
const tools = "/api/projects/support/toolboxes/tools/mcp?api-version=v1";
const caller = [
  ["authorization", "Bearer $CALLER"],
  ["content-type", "application/json"],
];

export const emulatorTargets: readonly FuzzTarget[] = [
  {
    name: "emulated Entra",
    from: "what a test sends: forms, queries, cookies",
    files: [
      "src/testing/entra/authorize-request.ts",
      "src/testing/entra/claims-request.ts#parseClaims,accessTokenPart,valuesOf,isRecord",
      "src/testing/entra/client-auth.ts#claimedClient,knownClient",
      "src/testing/entra/token-call.ts",
      "src/testing/entra/token-endpoint.ts",
      "src/testing/entra/server.ts#logout",
      "src/testing/entra/managed-identity.ts",
      "src/testing/entra/http.ts#readBody,cookie,targetOf",
    ],
    shape: "fields",
    seeds: [
      `GET /$TENANT/oauth2/v2.0/authorize?${query}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&response_mode=form_post&prompt=login&code_challenge=x&code_challenge_method=S256&nonce=n&client_info=1&login_hint=a`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&response_mode=fragment&claims=%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22value%22%3A%22c1%22%7D%2C%22xms_cc%22%3A%7B%22values%22%3A%5B%22CP1%22%2C5%5D%7D%7D%7D`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&prompt=none`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&prompt=none&response_mode=fragment`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&prompt=none&response_mode=form_post`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&prompt=odd`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&code_challenge=x`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&claims=%5B%5D`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&claims=%7B%7D`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("response_type=code", "response_type=token")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("response_type=code&", "")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("scope=", "scope=%20&x=")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("client_id=$AGENT&", "")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("https%3A%2F%2Fagent.example.com%2Fcallback", "http%3A%2F%2Flocalhost%3A9%2Fback")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("https%3A%2F%2Fagent.example.com%2Fcallback", "nowhere")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("$AGENT", "$BLUEPRINT").replace("response_type=code", "response_type=none")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("$AGENT", "$BLUEPRINT")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("$AGENT", "$DISABLED")}`,
      `GET /common/oauth2/v2.0/authorize?${query.replace("$AGENT", "unknown")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&claims=%7B%22access_token%22%3A5%7D`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query}&claims=%7B%22access_token%22%3A%7B%22acrs%22%3A5%2C%22polids%22%3A%7B%22value%22%3A%22p%22%7D%7D%7D`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.replace("$AGENT", "$CLERK").replace("response_type=code", "response_type=none")}`,
      `GET /$TENANT/oauth2/v2.0/authorize?client_id=$AGENT`,
      `GET /$TENANT/oauth2/v2.0/authorize?${query.split("&scope")[0]}`,
      `GET /organizations/oauth2/v2.0/authorize?${query}`,
      `${token} grant_type=client_credentials`,
      `POST /$TENANT/login ctx=x&account=$ADA`,
      `GET /$TENANT/v2.0/adminconsent?client_id=$AGENT&redirect_uri=https%3A%2F%2Fagent.example.com%2Fcallback`,
      `GET /$TENANT/oauth2/v2.0/logout`,
      `GET /$TENANT/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Fagent.example.com%2Fcallback&state=s`,
      `GET /$TENANT/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Fagent.example.com%2Fcallback`,
      `${token} ${obo}&assertion=$ASSERTION&scope=$MCP/mcp.read`,
      `${token} ${obo}&assertion=$FOREIGN&scope=$MCP/mcp.read`,
      `${token} ${obo}&assertion=a.b.c&scope=$MCP/.default`,
      `${token} grant_type=client_credentials&client_id=$AGENT&client_secret=agent-secret&scope=$MCP/.default`,
      `${token} grant_type=client_credentials&scope=$MCP/.default`,
      `${token} grant_type=authorization_code&client_id=$AGENT&client_secret=x&code=c&redirect_uri=${callback}`,
      `${token} grant_type=refresh_token&client_id=$PUBLIC&refresh_token=r`,
      `${token} grant_type=password&client_id=$AGENT`,
      `${token} client_id=$AGENT`,
      `${token} grant_type=client_credentials&client_id=$AGENT&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=$ASSERTION&scope=$MCP/.default`,
      "POST /nowhere/oauth2/v2.0/token grant_type=client_credentials",
      "GET /msi/token?api-version=2019-08-01&resource=$MCP&client_id=$IDENTITY",
      "GET /msi/token?api-version=2019-08-01&resource=$MCP&object_id=$OBJECT",
      "GET /msi/token?api-version=2019-08-01&resource=$MCP&mi_res_id=$RESOURCE",
      "GET /msi/token?api-version=2019-08-01&resource=nowhere",
      "GET /msi/token?api-version=2019-08-01&resource=$MCP",
      "GET /msi/token?api-version=2019-08-01&resource=$MCP&client_id=x",
      "GET /msi/token?api-version=2019-08-01",
      "GET /msi/token?api-version=1",
      "GET /msi/token?api-version=2",
      "GET /common/discovery/instance?authorization_endpoint=x",
      "GET /$TENANT/v2.0/.well-known/openid-configuration",
      "OPTIONS /$TENANT/oauth2/v2.0/token",
      "DELETE /$TENANT/oauth2/v2.0/token",
      "GET //",
      "GET *",
      "GET http://evil.example.com/x",
    ].map((text) => {
      const [method = "", url = "", ...body] = text.split(" ");
      const isIdentity = url.startsWith("/msi");
      const headers = isIdentity
        ? [["x-identity-header", url.endsWith("=1") ? "wrong" : "$HEADER"]]
        : [
            ["cookie", "a=b; c; $COOKIE=x"],
            ["origin", "https://spa.example.com"],
          ];
      return {
        method,
        url,
        headers:
          body.join(" ").includes("scope=$MCP/.default") && !body.join(" ").includes("client_id")
            ? [
                ["authorization", "Basic $BASIC"],
                ["origin", "https://spa.example.com"],
              ]
            : url.includes("logout") || text.startsWith("GET")
              ? headers
              : isIdentity
                ? headers
                : [],
        body: body.join(" "),
      };
    }),
    words: [
      "&scope=",
      "&client_id=",
      "&claims=",
      "$TENANT",
      "$AGENT",
      "$MCP",
      "prompt=none",
      "organizations",
      "response_type=none",
    ],
    async run(input) {
      const { servers, words } = await world();
      const body = Buffer.from(filled(field(input, "body"), words));
      return answered(servers.entra, {
        method: field(input, "method").replace(/[^A-Z]/g, "") || "GET",
        url: target(filled(field(input, "url"), words)),
        headers: headerPairs(input, words),
        body: body.subarray(0, 1_000_000),
      });
    },
    secrets: () => ["agent-secret-of-nobody-at-all-in-the-world"],
    holds(_input, value) {
      const { status, body } = (value ?? { status: 200, body: "" }) as Answered;
      if (status === 500 && body.includes("server_error"))
        throw new Error(`the emulator failed: ${body.slice(0, 200)}`);
    },
    unreachable: [
      {
        file: "src/testing/entra/http.ts",
        line: "throw new RangeError",
        why: "a body over a megabyte: test/testing",
      },
      { file: "src/testing/entra/http.ts", line: 'url = "/"', why: "node:http always names a target" },
      {
        file: "src/testing/entra/client-auth.ts",
        line: 'get("v") ?? ""',
        why: "the parameter was written just before",
      },
      {
        file: "src/testing/entra/client-auth.ts",
        line: '[id = "", ...rest]',
        why: "a split text has a first part",
      },
      {
        file: "src/testing/entra/client-auth.ts",
        line: 'directory.tenants[0]?.name ?? ""',
        why: "there is at least one tenant",
      },
      {
        file: "src/testing/entra/authorize-request.ts",
        line: 'includes("?") ? "&"',
        why: "no redirect URI here has a query",
      },
      {
        file: "src/testing/entra/managed-identity.ts",
        line: 'identity.federated ? "federated"',
        why: "no identity here is federated",
      },
    ],
  },
  {
    name: "emulated Foundry",
    from: "what a test and its agent send",
    files: [
      "src/testing/foundry/headers.ts",
      "src/testing/foundry/gateway.ts#encodingOf,asItIs",
      "src/testing/foundry/sse.ts",
      "src/testing/foundry/check-response.ts",
      "src/testing/foundry/check-stream.ts",
      "src/testing/foundry/exchange.ts#objectOf,bytesOf,text",
      "src/testing/foundry/server.ts#routeOf,matched,decoded",
      "src/testing/foundry/toolbox/rpc.ts",
    ],
    shape: "fields",
    seeds: [
      { url: responses, body: '{"input":"hi","conversation":{"id":"c"}}', answer: JSON.stringify(response) },
      { url: responses, body: '{"input":"hi"}', answer: JSON.stringify(asks) },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({ ...asks, incomplete_details: { reason: "content_filter" } }),
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({
          ...asks,
          incomplete_details: 5,
          output: [{ ...asks.output[0], agent_reference: { name: "b" } }],
        }),
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({ ...response, status: "failed", completed_at: null, error: { code: "x" } }),
      },
      { url: responses, body: '{"previous_response_id":"x"}', answer: "{" },
      { url: responses, body: "[]", answer: "" },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: `: hello\n\n${sse(created, begun, done, { type: "response.completed", response })}`,
        type: "text/event-stream",
      },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: sse(created, begun, { type: "error" }),
        type: "text/event-stream",
      },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: `${sse(created, begun)}data: [DONE]\n\n`,
        type: "text/event-stream",
      },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: `${sse(created)}id: 5\nevent: x\ndata: {\n\n`,
        type: "text/event-stream",
      },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: `${sse(created)}event: x\ndata: {\n\n`,
        type: "text/event-stream",
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({ ...response, status: "incomplete" }),
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({
          ...response,
          completed_at: null,
          status: "incomplete",
          incomplete_details: { reason: { toString: 1 } },
        }),
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify({ ...asks, output: [{ ...asks.output[0], consent_link: "" }] }),
      },
      {
        url: responses,
        body: '{"input":"hi","stream":true}',
        answer: sse(
          created,
          begun,
          done,
          { ...done, output_index: { toString: 1 }, item: { id: "x" } },
          { type: "response.completed", response },
        ),
        type: "text/event-stream",
      },
      {
        url: responses,
        body: "x",
        zip: "br",
        answer: JSON.stringify(response),
        headers: [...caller, ["content-encoding", "br"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        zip: "br",
        answer: JSON.stringify(response),
        headers: [...caller, ["content-encoding", "br"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        zip: "deflate",
        answer: JSON.stringify(response),
        headers: [...caller, ["content-encoding", "deflate"]],
      },
      {
        url: responses,
        zip: "gzip",
        body: '{"input":"hi"}',
        answer: JSON.stringify(response),
        headers: [...caller, ["content-encoding", "gzip"], ["x-client-a", "b"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: "",
        headers: [...caller, ["content-encoding", "br"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: "",
        headers: [...caller, ["content-encoding", "deflate"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: "",
        headers: [...caller, ["content-encoding", "rot13"]],
      },
      {
        url: responses,
        body: '{"input":"hi"}',
        answer: JSON.stringify(response),
        headers: [...caller, ["content-encoding", "identity"], ["x-ms-user-identity", "u"]],
      },
      { url: responses.replace("/openai/responses", "/openai/responses/%zz"), method: "GET" },
      { url: responses.replace("/openai/responses", "/openai/responses/a%20b/cancel") },
      { url: responses.replace("/openai/responses", "/openai/responses//cancel") },
      {
        url: "/api/projects/support/openai/v1/responses",
        body: '{"input":"hi","agent_reference":{"name":"agent"}}',
        answer: JSON.stringify(response),
      },
      {
        url: responses.replace("openai/responses", "invocations"),
        body: "anything",
        answer: "anything",
        type: "text/plain",
      },
      { url: tools, body: '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}' },
      {
        url: tools,
        body: '{"jsonrpc":"2.0","id":"a","method":"tools/list"}',
        headers: [...caller, ["foundry-features", "Toolboxes=V1Preview"], ["mcp-session-id", "s"]],
      },
      { url: tools, body: '{"jsonrpc":"2.0","method":"tools/call","params":{"name":{"toString":1}}}' },
      { url: tools, body: "{" },
      { url: tools, body: "[]" },
      { url: "/login?data=x", method: "GET" },
      { url: "//", method: "GET" },
      { url: "*", method: "GET" },
    ].map((seed) => ({ method: "POST", headers: caller, type: "application/json", ...seed })),
    words: [
      "response.created",
      "caresp_",
      "oauth_consent_request",
      "jsonrpc",
      "event: ",
      "data: ",
      "\n\n",
      "$CALLER",
      "api-version=v1",
    ],
    async run(input) {
      const made = await world();
      const { servers, words, foundry } = made;
      const status = valueIn(input, "status");
      made.agentSays = {
        type: field(input, "type").replace(/[^ -~]/g, ""),
        body: filled(field(input, "answer"), { $ID: String((answers += 1)).padStart(50, "0") }),
        status:
          typeof status === "number" &&
          Number.isInteger(status) &&
          status >= 205 &&
          status < 600 &&
          status !== 304
            ? status
            : 200,
      };
      const sent = Buffer.from(field(input, "body"));
      try {
        rpcMessage(sent);
      } catch (error) {
        if (!(error instanceof RpcFailure)) throw error;
      }
      const before = foundry.log.length;
      const value = await answered(servers.foundry, {
        method: field(input, "method").replace(/[^A-Z]/g, "") || "GET",
        url: target(filled(field(input, "url"), words)),
        headers: headerPairs(input, words),
        body: zips.get(field(input, "zip"))?.(sent) ?? sent,
      });
      const failures = foundry.log
        .slice(before)
        .flatMap(({ violations = [] }) => violations)
        .filter((one) => one.startsWith("the emulator failed"));
      return { value, failures, id: maybe(input, "id") };
    },
    secrets: () => [],
    unreachable: [
      { file: "src/testing/foundry/server.ts", line: 'given[at] ?? ""', why: "both have the same length" },
      {
        file: "src/testing/foundry/headers.ts",
        line: 'rawHeaders[at] ?? ""',
        why: "the index is below the length",
      },
      {
        file: "src/testing/foundry/exchange.ts",
        line: "size > maxBodyBytes",
        why: "a body over four megabytes: test/testing",
      },
      {
        file: "src/testing/foundry/check-response.ts",
        line: "chosenId === undefined ||",
        why: "an option of the emulator",
      },
    ],
    holds(_input, value) {
      const [failure] = (value as { failures: string[] }).failures;
      if (failure !== undefined) throw new Error(failure);
    },
  },
];
