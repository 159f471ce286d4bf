import { type TokenClaims, userTokenVerifier } from "hosted-agent-identity";
import { signingKeys } from "../../../src/user-token/signing-keys.js";
import { checkClaims, readUnverified } from "../../../src/user-token/token-checks.js";
import { joinClaims } from "../../../src/entra/claims-request.js";
import { clocksOf } from "../../../src/async/clocks.js";
import { resourceOfScope } from "../../../src/entra/scopes.js";
import { agentVerifier } from "../../../src/sign-in/remote/agent-identity.js";
import { field, listIn, textOf, valueIn, type FuzzTarget } from "../target.js";
import {
  answer,
  clientId,
  contacts,
  encoded,
  facts,
  keySet,
  kid,
  now,
  oid,
  otherClient,
  personClaims,
  personToken,
  seconds,
  signedToken,
  tenant,
} from "./people.js";

const published = async (): Promise<Response> => new Response(keySet);
const verify = userTokenVerifier({
  app: facts,
  passthroughTo: [contacts],
  requiredScopes: ["access_as_user"],
  clients: [otherClient],
  fetch: published,
  now: () => now,
});
const agentClaims = { ...personClaims, idtyp: "app", scp: undefined, azp: otherClient };
const agentToken = signedToken(agentClaims);
const verifyAgent = agentVerifier({ app: facts, fetch: published, now: () => now });
const verifyWithoutKeys = agentVerifier({
  app: facts,
  fetch: () => Promise.reject(new TypeError("fetch failed")),
  now: () => now,
});

/** So long that it is asked for where no keys can be had. */
function withoutKeys(token: string): string {
  return `Bearer${" ".repeat(64 - ((6 + token.length) % 64))}${token}`;
}

const badClaims: readonly object[] = [
  { aud: "https://ai.azure.com/" },
  { aud: "https://graph.microsoft.com" },
  { aud: "https://vault.azure.net/" },
  { aud: clientId.toUpperCase(), ver: "1.0" },
  { aud: `API://${clientId.toUpperCase()}/` },
  { aud: "api://another", ver: "1.0" },
  { aud: otherClient, scp: undefined, azp: undefined, appid: undefined, idtyp: undefined },
  { scp: undefined, azp: undefined, appid: undefined, idtyp: undefined },
  { tid: "9188040d-6c67-4c5b-b112-36a304b66dad" },
  { tid: undefined, iss: "https://sts.windows.net/" },
  { aud: ["a", "b"] },
  { aud: 5 },
  { aud: "api://contacts", scp: "read" },
  { exp: seconds - 1000 },
  { exp: "soon" },
  { exp: 1e300, nbf: 1e300 },
  { nbf: "now" },
  { nbf: seconds + 1000 },
  { nbf: undefined },
  { exp: -1e300 },
  { idtyp: "app" },
  { idtyp: "user", scp: "" },
  { scp: "other" },
  { xms_sub_fct: "1 13" },
  { oid: "nobody" },
  { azp: undefined, appid: otherClient.toUpperCase() },
  { azp: clientId },
  { azp: undefined, appid: undefined },
  { iss: "https://sts.windows.net/other/" },
  { iss: undefined },
  { tid: "common" },
  { tid: clientId },
  { preferred_username: undefined, upn: "ada", name: "" },
  { preferred_username: undefined },
];

export const tokenTargets: readonly FuzzTarget[] = [
  {
    name: "user token",
    from: "callers",
    files: [
      "src/user-token/token-checks.ts#checkShape,readUnverified,headerReader,decodeHeader,isRecord",
      "src/entra/token-claims.ts#decodeClaims,isClaims,stringClaim,audiencesOf,isTexts,scopesOf,clientOf",
      "src/user-token/verify.ts#isWrongSignature,provenToken,verifiedUserToken,userOf",
    ],
    shape: "text",
    seeds: [
      personToken,
      ...badClaims.map((claims) => signedToken({ ...personClaims, ...claims })),
      signedToken(personClaims, { alg: "none", kid }),
      signedToken(personClaims, { alg: "RS256" }),
      signedToken(personClaims, { alg: "RS256", kid: "another" }),
      signedToken(personClaims, { alg: "RS256", kid, crit: ["b64"], b64: false }),
      signedToken([1], { alg: "RS256", kid }),
      `${encoded({ alg: "RS256", kid })}.${encoded(personClaims)}.AAAA`,
      `${encoded({ alg: "none" })}.${encoded(personClaims)}.`,
      "a.b.c",
      "ey",
      `${"a".repeat(16_400)}.b.c`,
    ],
    words: ["e30", "bnVsbA", "W10", encoded({ alg: "RS256", kid }), encoded(personClaims)],
    run: (input) => verify(textOf(input)),
    holds(_input, value) {
      const { user } = value as { user: { tid: string; oid: string } };
      if (user.tid !== tenant || user.oid !== oid) throw new Error("a token was accepted that nobody signed");
    },
    says: (value) => JSON.stringify(value),
    unreachable: [
      {
        file: "src/user-token/token-checks.ts",
        line: 'typeof token !== "string"',
        why: "a fuzzed token is text; wrong types are test/context/verify",
      },
      { file: "src/user-token/token-checks.ts", line: '[part = ""]', why: "a split text has a first part" },
      { file: "src/entra/token-claims.ts", line: "parts.length !== 3", why: "the shape was checked before" },
      { file: "src/entra/token-claims.ts", line: 'parts[1] ?? ""', why: "there are three parts" },
      {
        file: "src/user-token/verify.ts",
        line: "claims.exp ?? 0",
        why: "checkClaims has seen that it is a number",
      },
      {
        file: "src/user-token/verify.ts",
        line: 'claims.oid ?? ""',
        why: "checkClaims has seen that it is a GUID",
      },
    ],
  },
  {
    name: "claims of a user token",
    from: "callers, and a tenant that signs odd things",
    files: [
      "src/user-token/token-checks.ts#checkClaims,checkTenant,checkIssuer,useOf,checkAudience,checkLifetime,checkSubject,checkScopes,checkClient,isListed,notListed,wrongAudience,isIdToken,wrongToken,malformed,isNumber,instant,quoted,either,readUnverified,decodeHeader,isRecord",
      "src/entra/token-claims.ts#decodeClaims,isClaims,stringClaim,audiencesOf,isTexts,scopesOf,clientOf",
      "src/entra/token-subject.ts",
    ],
    shape: "fields",
    seeds: [
      { header: { alg: "RS256", kid }, claims: personClaims },
      ...badClaims.map((claims) => ({
        header: { alg: "RS256", kid },
        claims: { ...personClaims, ...claims },
      })),
      { header: { alg: "RS256", kid }, claims: agentClaims },
      { header: [], claims: personClaims },
      { header: { alg: "HS256" }, claims: personClaims },
      { header: { alg: "RS256", kid: 5 }, claims: personClaims, clients: true },
      { header: { alg: "RS256", kid }, claims: "text" },
      { header: { alg: "RS256", kid }, claims: { ...personClaims, azp: undefined }, clients: true },
      ...[
        { idtyp: "app" },
        { sub: personClaims.oid },
        { idtyp: "app", azp: undefined },
        { oid: "nobody" },
        { azp: "a", appid: "b" },
        { idtyp: "device" },
        { scp: "read", xms_sub_fct: "3 11" },
        { scp: "read", idtyp: "app" },
        { scp: ["read"] },
        {},
      ].map((claims) => ({
        header: { alg: "RS256", kid },
        claims: { ...personClaims, scp: undefined, idtyp: undefined, ...claims },
        applications: true,
      })),
    ],
    words: Object.keys(personClaims),
    run(input) {
      const token = `${encoded(valueIn(input, "header"))}.${encoded(valueIn(input, "claims"))}.c2ln`;
      const { claims } = readUnverified(token, facts);
      return checkClaims(claims as TokenClaims, {
        app: facts,
        passthroughAudiences: new Map(contacts.audiences.map((one) => [one, contacts.audiences[0] ?? one])),
        requiredScopes: ["access_as_user"],
        clients: valueIn(input, "clients") === true ? [otherClient] : undefined,
        takes: valueIn(input, "applications") === true ? "both" : "persons",
        clockToleranceS: 60,
        now,
      });
    },
    // Tenant, audience and issuer are named in refusals; the token as text is the target before.
    secrets: () => [],
    holds(_input, value) {
      const { use, audience } = Object(value) as { use?: unknown; audience?: unknown };
      const known =
        use === "app" ? audience === undefined : use === "resource" && audience === contacts.audiences[0];
      if (!known) throw new Error("a token is good for something unknown");
    },
    unreachable: [
      {
        file: "src/entra/token-claims.ts",
        line: "parts.length !== 3",
        why: "made of three parts here; see the target before",
      },
      { file: "src/entra/token-claims.ts", line: 'parts[1] ?? ""', why: "there are three parts" },
      { file: "src/user-token/token-checks.ts", line: '[part = ""]', why: "a split text has a first part" },
    ],
  },
  {
    name: "an agent's own token",
    from: "whoever calls the sign-in service",
    files: ["src/sign-in/remote/agent-identity.ts#agentVerifier"],
    shape: "text",
    seeds: [
      `Bearer ${agentToken}`,
      withoutKeys(agentToken),
      "",
      "Basic abc",
      `Bearer ${signedToken(agentClaims, { alg: "RS256", kid: "away" })}`,
      `Bearer ${personToken}`,
      ...[
        { iss: "x" },
        { iss: { toString: 1 } },
        { aud: "other" },
        { aud: [clientId, "b"] },
        { aud: [] },
        { exp: 1 },
        { exp: "x" },
        { nbf: seconds + 999 },
        { azp: undefined },
      ].map((claims) => `Bearer ${signedToken({ ...agentClaims, ...claims })}`),
      `Bearer ${encoded({ alg: "RS256", kid })}.${encoded(agentClaims)}.AAAA`,
    ],
    run: (input) => (textOf(input).length % 64 === 0 ? verifyWithoutKeys : verifyAgent)(textOf(input)),
    holds(_input, value) {
      if (value !== otherClient) throw new Error("an agent was accepted that nobody signed for");
    },
    unreachable: [
      {
        file: "src/sign-in/remote/agent-identity.ts",
        line: 'authorization ?? ""',
        why: "no header at all: test/sign-in/remote",
      },
      {
        file: "src/sign-in/remote/agent-identity.ts",
        line: 'clientOf(assertion.claims) ?? ""',
        why: "an application without a client is refused before",
      },
    ],
  },
  {
    name: "signing keys",
    from: "the key endpoint",
    files: ["src/user-token/signing-keys.ts"],
    shape: "fields",
    seeds: [
      { lookups: [{ kid, body: keySet, twice: true }] },
      {
        lookups: [
          { kid, body: keySet, ahead: true },
          { kid, body: "", status: 500, ahead: true },
        ],
      },
      {
        lookups: [
          { kid, body: keySet },
          { kid, body: "", status: 500, after: 700_000 },
        ],
      },
      {
        lookups: [
          { kid, body: keySet },
          { kid: "other", body: keySet, after: 40_000 },
          { kid, body: "", status: 500, after: 700_000 },
        ],
      },
      {
        lookups: [
          { kid, body: keySet },
          { kid, body: "", status: 302, after: 4_000_000 },
          { kid, body: keySet, after: 10 },
        ],
      },
      {
        lookups: [
          { kid, body: keySet },
          { kid, body: "", status: 500, after: 4_000_000 },
        ],
      },
      {
        lookups: [
          { kid, body: keySet, twice: true },
          { kid, body: "reset", after: 4_000_000, twice: true },
        ],
      },
      { lookups: [{ kid: "a", body: '{"keys":[{"kid":"a","kty":"oct","k":"AA"},{"kty":"RSA"}]}' }] },
      {
        lookups: [
          {
            kid: "a",
            body: '{"keys":[{"kid":"a","kty":"RSA","n":"AQAB","e":"AQAB"},{"kid":"a","kty":"RSA","n":"AQAB","e":"AQAB"}]}',
          },
        ],
      },
      {
        lookups: [
          { kid, body: '{"keys":5}' },
          { kid, body: "<html>", after: 5000 },
        ],
      },
      { lookups: [{ kid, body: "hang" }] },
      { lookups: [{ kid, body: keySet, status: 204 }] },
      { lookups: [{ kid, body: "reset", twice: true }] },
    ],
    async run(input) {
      let time = now;
      let body = "";
      let status: unknown;
      const fetch = async (): Promise<Response> => {
        if (body === "reset") throw new TypeError("fetch failed");
        return body === "hang" ? new Promise<Response>(() => {}) : answer(body, status);
      };
      // Long enough that a good answer is in time on a machine with other work.
      const keys = signingKeys({ cloud: facts.cloud, fetch, clocks: clocksOf(() => time), timeoutMs: 5 });
      let found: unknown;
      let thrown: unknown;
      for (const lookup of listIn(input, "lookups").slice(0, 2)) {
        const after = valueIn(lookup, "after");
        time += typeof after === "number" && Number.isFinite(after) ? Math.abs(after) : 0;
        body = field(lookup, "body");
        status = valueIn(lookup, "status");
        keys.stillHas(tenant, field(lookup, "kid"));
        if (valueIn(lookup, "ahead") === true)
          await keys.fetch(tenant).catch((error: unknown) => (thrown = error));
        keys.stillHas(tenant, field(lookup, "kid"));
        const at = valueIn(lookup, "twice") === true ? [1, 2] : [1];
        const all = await Promise.allSettled(at.map(() => keys.keyFor(tenant, field(lookup, "kid"))));
        for (const one of all) {
          if (one.status === "fulfilled") found = one.value;
          else thrown = one.reason;
        }
      }
      if (thrown !== undefined) throw thrown;
      return found;
    },
    secrets: () => [],
    unreachable: [
      {
        file: "src/user-token/signing-keys.ts",
        line: "if (text === undefined)",
        why: "an input is far shorter than the limit, which test/docs/limits.test.ts reaches",
      },
      {
        file: "src/user-token/signing-keys.ts",
        line: "isHostedAgentIdentityError(cause) ? cause",
        why: "a package that does not load: test/errors",
      },
    ],
  },
  {
    name: "claims and scopes that are named",
    from: "challenges of MCP servers and of Entra",
    files: ["src/entra/claims-request.ts", "src/entra/scopes.ts#resourceOfScope"],
    shape: "fields",
    seeds: [
      {
        first: '{"access_token":{"acrs":{"value":"c1"}}}',
        second: '{"access_token":{"nbf":{"value":"1"}},"id_token":[]}',
        scope: "api://x/read",
      },
      { first: "[", second: "{}", scope: "https://graph.microsoft.com/User.Read" },
      { first: "{}", second: "null", scope: "User.Read" },
      { second: "{}", scope: `${clientId}/read` },
      { first: '{"a":1}', scope: "/" },
    ],
    run(input) {
      const [first, second] = ["first", "second"].map((name) =>
        valueIn(input, name) === undefined ? undefined : field(input, name),
      );
      return [joinClaims(first, second), resourceOfScope(field(input, "scope"))];
    },
    holds(input, value) {
      const [joined, resource] = value as [string | undefined, string | undefined];
      if (resource !== undefined && !field(input, "scope").startsWith(`${resource}/`))
        throw new Error("a scope got another resource");
      if (
        joined !== undefined &&
        valueIn(input, "first") === undefined &&
        valueIn(input, "second") === undefined
      )
        throw new Error("claims out of nowhere");
    },
  },
];
