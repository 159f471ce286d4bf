import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bearerChallenge,
  parseChallenges,
  type BearerChallenge,
  type Challenge,
} from "../../src/access/challenges.js";

const claims = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}';
/** Its base64 needs padding, and base64 and base64url of it differ. */
const odd = '{"access_token":{"acrs":{"essential":true,"value":"c1"}},"x":"??>>~~"}';
const oddKept = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
const polids =
  '{"access_token":{"polids":{"essential":true,"values":["9ab03e19-ed42-4168-b6b7-7001fb3e933a"]}}}';
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const base64url = (text: string): string => Buffer.from(text).toString("base64url");

const parsed: readonly [string, string, readonly Challenge[]][] = [
  [
    "quoted commas and escaped quotes",
    'Bearer realm="a, \\"b\\"", error="invalid_token"',
    [{ scheme: "bearer", parameters: { realm: 'a, "b"', error: "invalid_token" } }],
  ],
  [
    "several challenges, one of them a blob",
    'Negotiate YII=, Basic realm="x", Bearer scope="a b" , error=insufficient_scope',
    [
      { scheme: "negotiate", token68: "YII=", parameters: {} },
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { scope: "a b", error: "insufficient_scope" } },
    ],
  ],
  [
    "schemes with nothing behind them",
    "Negotiate, NTLM,Bearer",
    [
      { scheme: "negotiate", parameters: {} },
      { scheme: "ntlm", parameters: {} },
      { scheme: "bearer", parameters: {} },
    ],
  ],
  [
    "the example of RFC 9110 section 11.6.1",
    'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
    [
      { scheme: "basic", parameters: { realm: "simple" } },
      { scheme: "newauth", parameters: { realm: "apps", type: "1", title: 'Login to "apps"' } },
    ],
  ],
  [
    "empty list elements, tabs, and spaces around the equals sign",
    ' , ,\tBearer\trealm = "x" ,, error\t=\tinvalid_token,',
    [{ scheme: "bearer", parameters: { realm: "x", error: "invalid_token" } }],
  ],
  [
    "names and schemes in any case",
    'BEARER Realm="x", ERROR="y"',
    [{ scheme: "bearer", parameters: { realm: "x", error: "y" } }],
  ],
  [
    "parameters without commas between them, and values that should have been quoted",
    "Bearer realm=https://mcp.example.com/a?b=c error=invalid_token claims=e30==",
    [
      {
        scheme: "bearer",
        parameters: { realm: "https://mcp.example.com/a?b=c", error: "invalid_token", claims: "e30==" },
      },
    ],
  ],
  [
    "empty values",
    'Bearer realm="", scope=, error="x"',
    [{ scheme: "bearer", parameters: { realm: "", scope: "", error: "x" } }],
  ],
  [
    "what comes after something unreadable",
    'Bearer error="x", @@@ "quoted, comma" @, scope="a", [b], Basic realm="r"',
    [
      { scheme: "bearer", parameters: { error: "x", scope: "a" } },
      { scheme: "basic", parameters: { realm: "r" } },
    ],
  ],
  [
    "what stands before a quote that nobody closes",
    'Bearer error="x", scope="a b',
    [{ scheme: "bearer", parameters: { error: "x" } }],
  ],
  ["nothing in a junk quote that nobody closes", '"Bearer error=x', []],
  ["no parameter that belongs to no challenge", '="x", realm="y"', []],
  [
    "the first of two parameters of one name",
    'Bearer scope="mine", scope="theirs"',
    [{ scheme: "bearer", parameters: { scope: "mine" } }],
  ],
];

const read: readonly [string, string, BearerChallenge | undefined][] = [
  [
    "claims in base64, among fields in any order",
    `Bearer claims="${base64(claims)}", realm="", authorization_uri="https://login.example/a", error="insufficient_claims"`,
    { error: "insufficient_claims", scopes: [], claims },
  ],
  ["claims in padded base64", `Bearer claims="${base64(odd)}"`, { scopes: [], claims: oddKept }],
  [
    "claims in base64 without padding",
    `Bearer claims="${base64(odd).replace(/=+$/, "")}"`,
    { scopes: [], claims: oddKept },
  ],
  ["claims in base64url", `Bearer claims="${base64url(odd)}"`, { scopes: [], claims: oddKept }],
  [
    "claims in padded base64url",
    `Bearer claims="${base64(odd).replaceAll("+", "-").replaceAll("/", "_")}"`,
    { scopes: [], claims: oddKept },
  ],
  [
    "claims in padded base64 without quotes, and what follows",
    `Bearer claims=${base64(odd)}, error=insufficient_claims`,
    { error: "insufficient_claims", scopes: [], claims: oddKept },
  ],
  [
    "claims as escaped JSON",
    `Bearer claims="${claims.replaceAll('"', '\\"')}", error="insufficient_claims"`,
    { error: "insufficient_claims", scopes: [], claims },
  ],
  [
    "the claims of the second header, though the first one has an error",
    `Bearer error="invalid_token", Bearer error="insufficient_claims", claims="${base64(claims)}"`,
    { error: "insufficient_claims", scopes: [], claims },
  ],
  [
    "another challenge where claims are none",
    `Bearer claims="%%%", Bearer error="insufficient_scope", scope="a b"`,
    { error: "insufficient_scope", scopes: ["a", "b"] },
  ],
  ["no claims in JSON that is none", `Bearer claims="${base64("not json")}"`, { scopes: [] }],
  ["no claims about the id token alone", `Bearer claims="${base64('{"id_token":{}}')}"`, { scopes: [] }],
  ["no claims in a list", `Bearer claims="${base64('{"access_token":[]}')}"`, { scopes: [] }],
  ["no claims in null", `Bearer claims="${base64("null")}"`, { scopes: [] }],
  ["no claims in empty ones", 'Bearer claims=""', { scopes: [] }],
  [
    "only what is asked of the access token",
    `Bearer claims="${base64(`{"id_token":{"email":null},"access_token":{"acrs":null}}`)}"`,
    { scopes: [], claims: '{"access_token":{"acrs":null}}' },
  ],
  [
    "the unescaped claims of Microsoft.Identity.Web, and what follows",
    `Bearer consentUri="https://login.example/authorize?a=b,c&d=e", claims="${polids}", scopes="user.read,mail.read", proposedAction="consent"`,
    { scopes: [], claims: polids },
  ],
  [
    "a consent challenge of Microsoft.Identity.Web: neither its link nor the scopes of another resource",
    'Bearer consentUri="https://login.example/authorize", claims="", scopes="user.read,mail.read", proposedAction="consent"',
    { scopes: [] },
  ],
  [
    "RFC 9470, with values that Entra does not know",
    'Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR urn:mace:silver", max_age=5',
    {
      error: "insufficient_user_authentication",
      scopes: [],
      authentication: { acrValues: ["myACR", "urn:mace:silver"], maxAgeS: 5 },
    },
  ],
  [
    "RFC 9470, with a tenant's authentication context, as claims",
    'Bearer error="insufficient_user_authentication", acr_values="myACR c3 c1", max_age="0"',
    {
      error: "insufficient_user_authentication",
      scopes: [],
      claims: '{"access_token":{"acrs":{"essential":true,"value":"c3"}}}',
      authentication: { acrValues: ["myACR", "c3", "c1"], maxAgeS: 0 },
    },
  ],
  [
    "RFC 9470, without what cannot be relayed",
    `Bearer error="insufficient_user_authentication", acr_values="a\\"b c\\\\d ${"e".repeat(65)} é", max_age="-1"`,
    { error: "insufficient_user_authentication", scopes: [], authentication: {} },
  ],
  [
    "acr_values with another error as nothing",
    'Bearer error="invalid_token", acr_values="c1"',
    { error: "invalid_token", scopes: [] },
  ],
  ["other schemes as nothing", `DPoP claims="${base64(claims)}", Basic realm="x"`, undefined],
];

describe("reading WWW-Authenticate (RFC 9110 section 11.6.1)", () => {
  it.each(parsed)("gives %s", (_what, header, challenges) => {
    expect(parseChallenges(header)).toEqual(challenges);
  });

  it("gives all that Microsoft.Identity.Web writes with 403, though its quotes do not match", () => {
    const header = `Bearer consentUri="https://login.example/authorize?a=b,c", claims="${polids}", scopes="user.read,mail.read", proposedAction="consent"`;
    expect(parseChallenges(header)).toEqual([
      {
        scheme: "bearer",
        parameters: {
          consenturi: "https://login.example/authorize?a=b,c",
          claims: polids,
          scopes: "user.read,mail.read",
          proposedaction: "consent",
        },
      },
    ]);
  });

  it.each(read)("understands %s", (_what, header, challenge) => {
    expect(bearerChallenge(header)).toEqual(challenge);
  });

  it("reads several headers as one, as fetch joins them", () => {
    const headers = new Headers([
      ["www-authenticate", 'Basic realm="a, b"'],
      ["www-authenticate", `Bearer error="insufficient_claims", claims="${base64(claims)}"`],
      ["www-authenticate", "Negotiate"],
    ]);
    const header = headers.get("www-authenticate");
    expect(parseChallenges(header).map(({ scheme }) => scheme)).toEqual(["basic", "bearer", "negotiate"]);
    expect(bearerChallenge(header)).toMatchObject({ error: "insufficient_claims", claims });
  });

  it("does not touch the prototype of anything", () => {
    const [challenge] = parseChallenges('Bearer __proto__="x", constructor="y"');
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
    expect(Object.keys(challenge?.parameters ?? {})).toEqual(["__proto__", "constructor"]);
    expect(bearerChallenge('Bearer toString="x"')).toEqual({ scopes: [] });
  });

  it("reads no header that is absent or absurdly long", () => {
    expect(parseChallenges(null)).toEqual([]);
    expect(parseChallenges(`Bearer realm="${"x".repeat(20_000)}"`)).toEqual([]);
    expect(bearerChallenge(null)).toBeUndefined();
  });

  it("gives back what it was written from, whatever the values hold", () => {
    const name = fc.constantFrom("realm", "error", "scope", "x-y");
    const value = fc.string({ maxLength: 30 });
    const challenge = fc.record({
      scheme: fc.constantFrom("Bearer", "Basic", "New.Scheme"),
      parameters: fc.dictionary(name, value, { minKeys: 1 }),
    });
    const written = (value: string): string => `"${value.replace(/["\\]/g, "\\$&")}"`;
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(({ scheme, parameters }) => {
            const all = Object.entries(parameters).map(([key, value]) => `${key}=${written(value)}`);
            return `${scheme} ${all.join(", ")}`;
          })
          .join(", ");
        expect(parseChallenges(header)).toEqual(
          challenges.map(({ scheme, parameters }) => ({
            scheme: scheme.toLowerCase(),
            parameters: { ...parameters },
          })),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("ends on any input, with values only", () => {
    const piece = fc.constantFrom(
      "Bearer ",
      "Basic ",
      "realm",
      "=",
      '"',
      ",",
      " ",
      "\\",
      "a",
      "claims=",
      '"x"',
      '"{"a":1}"',
      "==",
      "\t",
      "@",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ maxLength: 200 }),
          fc.array(piece, { maxLength: 60 }).map((all) => all.join("")),
        ),
        (header) => {
          for (const challenge of parseChallenges(header)) expect(typeof challenge.scheme).toBe("string");
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("reads so many challenges and no more", () => {
    expect(parseChallenges("a ".repeat(5_000))).toHaveLength(64);
  });
});
