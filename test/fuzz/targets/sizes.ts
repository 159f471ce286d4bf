import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { eventScanner } from "../../../src/access/event-scanner.js";
import type { FuzzTarget, Input, Size } from "../target.js";
import { keySet, kid, personClaims, personToken } from "./people.js";

/** A size without a run of its own: the target's. */
type Grown = Omit<Size, "run"> & { readonly run?: Size["run"] };

const repeated = (unit: string, length: number): string =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
const each = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));
/** Three sizes, which tell what four do: there are many. */
const size = (of: string, upTo: number, input: (n: number) => Input): Grown => ({
  of,
  upTo,
  from: upTo / 4,
  input,
});
/** The same text of each of the units, which are what a hostile sender would repeat. */
const units = (
  upTo: number,
  list: readonly string[],
  input: (text: string) => Input = (text) => text,
): Grown[] =>
  list.map((unit) => size(`characters of ${JSON.stringify(unit)}`, upTo, (n) => input(repeated(unit, n))));
const encoded = (text: string): string => Buffer.from(text).toString("base64url");

const consentItem = (at: number): object => ({
  type: "oauth_consent_request",
  id: `oacr_${at}`,
  consent_link: `https://login.example.com/${at}`,
  server_label: `label ${at}`,
});
const rpcError = (message: string): object => ({ jsonrpc: "2.0", id: 1, error: { code: -32006, message } });
const listed = (at: number): object => ({
  name: `source ${at}`,
  error: { code: "CONSENT_REQUIRED", message: `https://consent.example.com/${at}` },
});
const mcpBody = (body: string): object => ({ method: "POST", authorization: ["Bearer x.y.z"], body });
const toSignIn = (path: string, body: object): object => ({
  path,
  body: { user: { platform_user_id: "u1" }, ...body },
});

/**
 * In what the inputs of each target can grow, up to the documented limits (docs/security.md, Limits), or as far as
 * somebody could send where the limit is somebody else's. By the target's name.
 */
const grown: Readonly<Record<string, readonly Grown[]>> = {
  "inbound headers": [
    size("headers", 2_048, (n) => ({
      form: "raw",
      headers: each(n, (at) => [`x-client-${at % 8}`, "v"]),
    })),
    ...units(65_536, [" ", "a,", "\t"], (text) => ({
      form: "raw",
      headers: [["x-client-user-token", `a${text}b`]],
    })),
  ],
  "user token": [
    ...units(16_384, ["a", "-", "."], (text) => `${personToken.slice(0, 10)}.${text}`),
    size("levels of its claims", 8_000, (n) => `${personToken.split(".")[0]}.${encoded("[".repeat(n))}.c2ln`),
  ],
  "claims of a user token": [
    size("scopes", 2_048, (n) => ({
      header: { alg: "RS256", kid },
      claims: { ...personClaims, scp: "read ".repeat(n) },
    })),
    size("audiences", 1_024, (n) => ({
      header: { alg: "RS256", kid },
      claims: { ...personClaims, aud: each(n, (at) => `a${at}`) },
    })),
  ],
  "an agent's own token": units(16_384, ["a", " ", "a.b"], (text) => `Bearer ${text}`),
  "signing keys": [
    size("keys", 256, (n) => ({
      lookups: [
        {
          kid: "absent",
          body: JSON.stringify({
            keys: [
              ...(JSON.parse(keySet) as { keys: object[] }).keys,
              ...each(n, (at) => ({ kid: `k${at}`, kty: "RSA", n: "AQAB", e: "AQAB" })),
            ],
          }),
        },
      ],
    })),
  ],
  "claims and scopes that are named": [
    size("claims of both", 1_024, (n) => {
      const text = JSON.stringify({
        access_token: Object.fromEntries(each(n, (at) => [`c${at}`, { value: "1" }])),
      });
      return { first: text, second: text, scope: "api://x/read" };
    }),
    size("levels", 3_200, (n) => ({
      first: `${'{"a":'.repeat(n)}1${"}".repeat(n)}`,
      second: "{}",
      scope: "a/",
    })),
    ...units(16_384, ["/", "api://"], (scope) => ({ scope })),
  ],
  "WWW-Authenticate": [
    ...units(16_384, [
      '"',
      ",",
      'a="b", ',
      '\\"',
      '"\\',
      "Bearer ",
      'Bearer claims="{',
      "a=",
      " ",
      'Bearer error="x", scope="a b", ',
    ]),
    size("levels of claims", 2_400, (n) => `Bearer claims="${encoded(`{"access_token":${"[".repeat(n)}`)}"`),
  ],
  "URL of a request": units(16_384, ["a", "/", "/..", "%2e", "."], (text) =>
    `https://mcp.example.com/mcp/${text}`.slice(0, 16_384),
  ),
  "consent links": units(8_192, ["a", ".", "%41", "@"], (text) =>
    `https://login.microsoftonline.com/${text}`.slice(0, 8_192),
  ),
  "responses that a client reads": [
    size("items of a response", 2_048, (n) => ({
      messages: [{ object: "response", output: each(n, consentItem) }],
    })),
    size("items of one link", 2_048, (n) => ({
      messages: [
        {
          object: "response",
          output: each(n, (at) => ({ ...consentItem(0), server_label: `label ${at}` })),
        },
      ],
    })),
  ],
  "messages of foreign errors": units(
    65_536,
    ["a", "eyJ.", "a-", "=", "%2e", "?a=", "://", " : ", "secret"],
    (before) => ({ secret: 0, before, after: "" }),
  ),
  "errors of frameworks and servers": [
    size("errors of an aggregate", 2_048, (n) => ({
      error: { $: "error", errors: each(n, () => ({ code: -32006 })) },
    })),
    ...units(65_000, [".", "https://a "], (message) => ({ error: { code: -32006, message }, toolbox: true })),
  ],
  "errors of a toolbox": [
    size("sources", 512, (n) => rpcError(JSON.stringify({ errors: each(n, listed) }))),
    ...units(65_000, ["https://", ".", "{", "https://a "], rpcError),
  ],
  "messages that ask for a URL": [
    size("pages", 1_000, (n) => ({
      jsonrpc: "2.0",
      id: 1,
      error: {
        code: -32042,
        data: { elicitations: each(n, () => ({ mode: "url", url: "https://a.example" })) },
      },
    })),
    size("inputs", 1_000, (n) => ({
      jsonrpc: "2.0",
      id: 1,
      result: {
        resultType: "input_required",
        inputRequests: { ...each(n, () => ({ method: "roots/list" })) },
      },
    })),
  ],
  "requests that declare URLs": [
    size(
      "characters of a body",
      1_048_576,
      (n) => `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"x":"${repeated("x", n - 66)}"}}`,
    ),
  ],
  "answers of a toolbox": [
    ...[1, 7].map((piece): Grown => ({
      ...size(`bytes of an event in pieces of ${piece}`, 65_536, (n) =>
        Buffer.from(`data: ${repeated("x\r\n", n - 8)}\n\n`),
      ),
      run: (input) => {
        const scanner = eventScanner();
        const bytes = input as Buffer;
        for (let at = 0; at < bytes.length; at += piece) scanner.push(bytes.subarray(at, at + piece));
      },
    })),
    {
      ...size("events of one piece", 16_384, (n) => Buffer.from("data: {}\n\n".repeat(n))),
      run: (input) => eventScanner().push(input as Buffer),
    },
    size("characters of a body", 65_000, (n) => ({
      type: "application/json",
      body: `{"error":"${repeated("x", n)}"}`,
    })),
  ],
  "streams that break off": [
    ...units(65_536, ["id: 7\n", "retry: 1\n", 'data: "result"\n\n', "\n"], (text) => ({
      id: 1,
      streams: [{ text }],
    })),
  ],
  "answers without an MCP session": units(65_000, ["session ", "no ", " "], (body) => ({
    session: "s",
    status: 400,
    body,
  })),
  "what servers say first": units(65_000, ["id: 7\n", "retry: 1\n", "data: x\n", "data: 5\n\n"], (text) => ({
    says: [`${text}\n\n`],
    calls: [],
  })),
  "answers of the token endpoint": [
    size("characters of a field", 262_144, (n) => ({
      kind: "code",
      status: 400,
      body: { error: "invalid_grant", error_description: repeated("x", n) },
    })),
    size("error codes", 16_384, (n) => ({
      kind: "code",
      status: 400,
      body: { error: "invalid_grant", error_codes: each(n, (at) => 65_001 + at) },
    })),
  ],
  "Retry-After": units(16_384, ["1", " ", "Mon, "], (text) => ({
    method: "POST",
    rpc: "ping",
    body: '{"method":"ping"}',
    status: 429,
    headers: { "retry-after": text, "retry-after-ms": text },
  })),
  "requests to an MCP server": [
    size("values", 49_000, (n) => mcpBody(`{"jsonrpc":"2.0","method":"ping","params":[${"1,".repeat(n)}1]}`)),
    size("calls of a batch", 4_096, (n) =>
      mcpBody(
        `[${each(n, () => '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"list"}}').join(",")}]`,
      ),
    ),
    size("levels", 65_536, (n) => mcpBody("[".repeat(n))),
    ...units(16_384, [" ", "x"], (text) => ({ ...mcpBody("{}"), authorization: [`Bearer${text}`] })),
  ],
  "answers that a call has changed": units(65_000, ["data: 1\n\n", "x", "\n"], (answer) => ({
    asks: { id: 1, method: "tools/call", params: { name: "read" } },
    page: true,
    type: "text/event-stream",
    answer,
  })),
  "tickets of sign-in links": units(8_192, ["A", "."]),
  "requests to the sign-in pages": [
    size("characters of a link", 8_192, (n) => ({ method: "GET", path: `/start?t=${repeated("A", n)}` })),
    ...units(32_768, ["a=b&", "%"], (body) => ({ method: "POST", path: "/start", cookie: "$BROWSER", body })),
    ...units(16_384, ["a=b; ", ";", "__Host-hosted-agent-sign-in=A; "], (cookie) => ({
      method: "GET",
      path: "/connections",
      cookie,
    })),
  ],
  "codes and answers in the chat": units(100_000, [
    "\u0316\u0301",
    "\uff9e\u0316",
    "\u200b\u0316",
    "ABC-D2E-",
    "ABC-D2E-FGH ",
    "ﷺ",
    "-",
    " ",
    "word ",
  ]),
  "values of the sign-in store": units(1_048_576, ["A", "."]),
  "errors of Redis": units(65_536, ["A", ": -", "A B ", "with args "], (message) => ({ message })),
  "requests to the sign-in API": [
    ...units(100_000, ["x", "\u0316\u0301"], (text) => toSignIn("redeem", { text })),
    size("scopes", 16_384, (n) =>
      toSignIn("tokens", { server_label: "contacts", scopes: each(n, () => "api://x") }),
    ),
    size("levels", 65_536, (n) => ({ path: "tokens", body: "[".repeat(n) })),
  ],
  "answers of the sign-in service": [
    size("requests", 2_048, (n) => ({
      call: "token",
      body: {
        status: "consent_required",
        requests: each(n, () => ({ link: "https://x.example.com", server_label: "contacts" })),
      },
    })),
    size("levels", 65_536, (n) => ({ call: "token", body: "[".repeat(n) })),
  ],
  "values of a shared token store": units(65_536, ["A", "-"], (raw) => ({ raw })),
  "requests of node:http": [
    size("headers", 1_024, (n) => ({
      method: "GET",
      url: "/",
      headers: each(n, (at) => [`h${at}`, "v"]),
    })),
    ...units(16_384, ["/", "%2f", "?a=b&"], (url) => ({ method: "GET", url: `/${url}` })),
    ...units(65_536, ["x"], (body) => ({ method: "POST", url: "/", body })),
  ],
  "emulated Entra": [
    size("parameters", 1_024, (n) => ({
      method: "POST",
      url: "/common/oauth2/v2.0/token",
      headers: [["content-type", "application/x-www-form-urlencoded"]],
      body: "a=b&".repeat(n),
    })),
  ],
  "emulated Foundry": [
    size("characters of a body", 65_536, (n) => ({
      method: "POST",
      url: "/responses",
      body: JSON.stringify({ input: repeated("x", n) }),
      answer: "{}",
    })),
  ],
};

/** The target with its sizes. A refusal ends an input as well as a value does: it must cost no more, either. */
export function withSizes(target: FuzzTarget): FuzzTarget {
  const isRefusal = target.isRefusal ?? isHostedAgentIdentityError;
  const run = async (input: Input): Promise<void> => {
    try {
      await target.run(input);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  };
  const sizes = (grown[target.name] ?? []).map((one): Size => ({ run, ...one }));
  return target.sizes === undefined ? { ...target, sizes } : target;
}
