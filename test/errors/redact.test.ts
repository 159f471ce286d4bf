import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { redacted, withoutTokens } from "../../src/errors/redact.js";
import { unsigned } from "../support/token-endpoint.js";
import { leaks } from "../support/people.js";

const jwt = `${unsigned({ oid: "11111111-1111-4111-8111-111111111111", name: "Ada" })}c2lnbmF0dXJlLW9mLWl0`;
const random = (bytes: number): string => randomBytes(bytes).toString("base64url");

describe("a text of somebody else's", () => {
  it.each<[string, string, (secret: string) => string]>([
    ["a JSON Web Token", jwt, (secret) => `refused ${secret} here`],
    ["one whose dots are encoded", jwt, (secret) => `refused ${secret.replaceAll(".", "%2E")} here`],
    ["one over two lines", jwt, (secret) => `refused ${secret.slice(0, 40)}\n${secret.slice(40)}`],
    ["one glued to other text", jwt, (secret) => `token=abc${secret}`],
    ["one in base64", jwt, (secret) => Buffer.from(secret).toString("base64url")],
    ["a bearer token", "opaque_and_lower.case_only_token", (secret) => `Authorization: Bearer ${secret}`],
    ["one outside a header", "opaque-and-lower-case-only-token", (secret) => `sent Bearer ${secret}`],
    ["one in a query", "opaque-and-lower-case-only-token", (secret) => `a=Bearer%20${secret}&b`],
    ["basic credentials", Buffer.from("agent:password").toString("base64"), (secret) => `Basic ${secret}`],
    ["a cookie", "session=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; Path=/", (secret) => `Set-Cookie: ${secret}`],
    ["a header in JSON", "aaaa bbbb cccc dddd eeee ffff", (secret) => `{"authorization":"${secret}"}`],
    ["the user token's header", "aaaaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `x-client-user-token: ${secret}`],
    ["the query of a URL", "code=aaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `GET https://host/cb?${secret}`],
    ["its fragment", "access_is_aaaaaaaaaaaaaaaaaa", (secret) => `at https://host/cb#${secret}`],
    ["its user info", "user:pass-word-that-is-long", (secret) => `redis://${secret}@host:6379/0`],
    ["a password with a slash", "user:pass/word/that/is/long", (secret) => `postgres://${secret}@host/db`],
    ["the query of a path", "person=aaaaaaaaaaaaaaaaaaaaa", (secret) => `GET /callback?${secret} failed`],
    ["a form", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `grant_type=x&refresh_token=${secret}&scope=y`],
    ["a field of JSON", "aaaa.bbbb.cccc.dddd.eeee.ffff", (secret) => `{"client_secret": "${secret}"}`],
    ["a code", "aaaaaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `state=x code=${secret}`],
    ["a model's key", "sk-proj-aaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `Incorrect API key: ${secret}.`],
    ["an Entra client secret", "abc8Q~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", (secret) => `secret is ${secret}`],
    ["a private key", "aaaa/bbbb/cccc/dddd/eeee/ffff", (secret) => `-----BEGIN PRIVATE KEY-----\n${secret}`],
    ["random base64url", random(32), (secret) => `ticket ${secret} is unknown`],
    ["random hexadecimal", randomBytes(24).toString("hex"), (secret) => `id ${secret}`],
    ["it behind a long word", random(32), (secret) => `${"a".repeat(500)}${secret}`],
    ["many digits", "123456789012345678901234", (secret) => `account ${secret}`],
  ])("does not show %s", (_what, secret, text) => {
    const shown = redacted(text(secret));
    expect(leaks(shown, secret)).toBe(false);
    expect(shown).toContain("[redacted]");
  });

  it.each(["K7M-2QX-ABC", "k7m-2qx-abc", "code: K7M-2QX-ABC."])("does not show the code %j", (text) => {
    expect(redacted(text)).not.toMatch(/2qx/i);
  });

  it.each([
    "TypeError: fetch failed",
    "connect ECONNREFUSED 127.0.0.1:3001",
    "AADSTS65001: The user has not consented to the application 'api://7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1'.",
    "Bearer authentication failed",
    "    at StreamableHTTPClientTransport._startOrAuthSse (file:///app/node_modules/@modelcontextprotocol/sdk/dist/esm/client/streamableHttp.js:94:19)",
    "    at async run (/srv/agent-2/node_modules/.pnpm/hosted-agent-identity@0.1.0/node_modules/x/dist/index.js:10:5)",
    "    at Object.<anonymous> (file:///app/src/agent.ts:3:9)",
    "code ERR_TLS_CERT_ALTNAME_INVALID of https://mcp.example.com/v1/contacts-and-calendar-service-2",
    "MCP error -32001: Request timed out, trace 2f1c7c5e-0d7d-4a57-9b1e-5a1f6a2f4d11",
    "step-by-step is no code, and well-known names like oauth-protected-resource-metadata stay",
  ])("keeps what helps: %s", (text) => {
    expect(redacted(text)).toBe(text);
  });

  it("shows at most 8 192 characters", () => {
    expect(redacted("a ".repeat(20_000))).toHaveLength(8_192 + " [cut]".length);
  });

  it("takes out every token, whatever stands in its place", () => {
    expect(withoutTokens(`${jwt} and ${jwt}`, "[token hidden]")).toBe("[token hidden] and [token hidden]");
    expect(withoutTokens("eyJhbGciOiJub25lIn0 is half of one, 1.2.3 is none")).toMatch(/^eyJ.*1\.2\.3/);
  });
});
