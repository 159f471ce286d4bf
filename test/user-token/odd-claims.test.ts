import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isUserTokenError, protectedResource, userTokenVerifier } from "hosted-agent-identity";
import { callerOf, protectMcpServer } from "hosted-agent-identity/server";
import { type ServedSignIn, signInApi } from "hosted-agent-identity/sign-in";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { startTestCloud, type TestCloud } from "../support/keys.js";

/** Whom a token stands for, wherever this package asks. */
type Stands = "person" | "application" | "agent user" | "nobody";

type Row = [what: string, claims: Record<string, unknown>, stands: Stands];

const oid = randomUUID();
const itself = { oid, sub: oid };
const noScopes = { scp: undefined };

/** Each is a token that Entra has signed: of a person with a scope, and with these claims instead. */
const rows: readonly Row[] = [
  ["a person's, as Entra issues it", {}, "person"],
  ["a person's that says so", { idtyp: "user" }, "person"],
  ["a person's of version 1", { azp: undefined, appid: randomUUID() }, "person"],
  ["a person's with roles", { roles: ["Reader"] }, "person"],
  ["a person's with other facts of the subject", { xms_sub_fct: "1 131" }, "person"],
  ["a person's that is its own subject and says so", { ...itself, idtyp: "user" }, "person"],

  ["an application's that says so", { ...noScopes, idtyp: "app" }, "application"],
  ["an application's by its subject", { ...noScopes, ...itself }, "application"],
  [
    "an application's by its subject, of version 1",
    { ...noScopes, ...itself, azp: undefined, appid: randomUUID() },
    "application",
  ],
  ["an agent identity's own", { scp: "/", idtyp: "app", xms_sub_fct: "3 11 9" }, "application"],
  ["an application's with an empty scp", { scp: "", idtyp: "app" }, "application"],

  ["an agent's own user", { idtyp: "user", xms_sub_fct: "3 13" }, "agent user"],
  ["an agent's own user without scopes", { ...noScopes, xms_sub_fct: "13" }, "agent user"],
  [
    "an agent's own user that says it is an application",
    { ...noScopes, idtyp: "app", xms_sub_fct: "13" },
    "agent user",
  ],

  ["without scopes, as an id token", noScopes, "nobody"],
  ["without scopes, with roles", { ...noScopes, roles: ["Reader"] }, "nobody"],
  ["without scopes, that says it is a person", { ...noScopes, idtyp: "user" }, "nobody"],
  [
    "without scopes, of a person with a fact of an agent identity",
    { ...noScopes, xms_sub_fct: "11" },
    "nobody",
  ],
  ["an application's without a client", { ...noScopes, idtyp: "app", azp: undefined }, "nobody"],
  ["an application's by its subject, without a client", { ...noScopes, ...itself, azp: undefined }, "nobody"],
  ["an application's without an object id", { ...noScopes, idtyp: "app", oid: undefined }, "nobody"],
  ["an application's with scopes", { idtyp: "app" }, "nobody"],
  ["its own subject with scopes", itself, "nobody"],
  ["a person's with the fact of an agent identity", { xms_sub_fct: "3 11" }, "nobody"],
  ["two clients", { appid: randomUUID() }, "nobody"],
  ["no object id", { oid: undefined }, "nobody"],

  ["a fact as a list", { xms_sub_fct: ["13"] }, "nobody"],
  ["a fact as a number", { xms_sub_fct: 13 }, "nobody"],
  ["a fact as null", { xms_sub_fct: null }, "nobody"],
  ["idtyp in capitals", { idtyp: "APP" }, "nobody"],
  ["idtyp in capitals, without scopes", { ...noScopes, ...itself, idtyp: "APP" }, "nobody"],
  ["idtyp as a list", { idtyp: ["app"] }, "nobody"],
  ["idtyp as a list, without scopes", { ...noScopes, ...itself, idtyp: ["app"] }, "nobody"],
  ["a device", { idtyp: "device" }, "nobody"],
  ["a device without scopes", { ...noScopes, ...itself, idtyp: "device" }, "nobody"],
  ["an empty idtyp", { idtyp: "" }, "nobody"],
  ["idtyp as null", { idtyp: null }, "nobody"],
  ["scopes as a list", { scp: ["access_as_user"] }, "nobody"],
  ["scopes as a list, of an application", { scp: ["access_as_user"], idtyp: "app" }, "nobody"],
  ["scopes as a number", { scp: 1 }, "nobody"],
  ["scopes as true", { scp: true, ...itself }, "nobody"],
  ["the client as a list", { azp: [randomUUID()] }, "nobody"],
  [
    "the client as a list, of an application",
    { ...noScopes, idtyp: "app", azp: ["x"], appid: randomUUID() },
    "nobody",
  ],
  ["the object id as a list", { oid: [oid] }, "nobody"],
  ["the subject as a number", { sub: 5 }, "nobody"],
];

let cloud: TestCloud;
let entra: EntraEmulator;
beforeAll(async () => {
  cloud = await startTestCloud();
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
    ],
    users: [{ name: "Ada" }],
  });
});
afterAll(async () => {
  await cloud.close();
  await entra.close();
});

const tokenOf = (claims: Record<string, unknown>): Promise<string> =>
  cloud.token({ roles: ["Contacts.ReadAll"], ...claims });

describe("a token stands for the same for the verifier, the gate, the sign-in API and the emulator", () => {
  test.each(rows)("%s", async (_what, claims, stands) => {
    const token = await tokenOf(claims);
    expect({
      verifier: await byVerifier(token),
      gate: await byGate(token, false),
      "gate with applications": await byGate(token, true),
      "sign-in API": await bySignInApi(token),
      emulator: await byEmulator(claims),
    }).toEqual(expected[stands]);
  });

  test.each([["a list with something that is no text"], ["two"]])(
    "and an audience that is %s is nobody's",
    async (what) => {
      const { clientId } = cloud.app;
      const aud = what === "two" ? [clientId, clientId] : [clientId, 5];
      const [person, application] = [
        await tokenOf({ aud }),
        await tokenOf({ aud, ...noScopes, idtyp: "app" }),
      ];
      expect(await byVerifier(person)).toBe("user_token_audience");
      expect(await byGate(person, true)).toBe(401);
      expect(await byGate(application, true)).toBe(401);
      expect(await bySignInApi(application)).toBe("agent_not_identified");
    },
  );
});

const expected: Readonly<Record<Stands, object>> = {
  person: {
    verifier: "person",
    gate: "user",
    "gate with applications": "user",
    "sign-in API": "agent_not_identified",
    emulator: "exchanged",
  },
  application: {
    verifier: "user_token_app_only",
    gate: 401,
    "gate with applications": "application",
    "sign-in API": "served",
    emulator: "refused",
  },
  "agent user": {
    verifier: "user_token_agent_user",
    gate: 401,
    "gate with applications": 401,
    "sign-in API": "agent_not_identified",
    emulator: "refused",
  },
  nobody: {
    verifier: "user_token_subject",
    gate: 401,
    "gate with applications": 401,
    "sign-in API": "agent_not_identified",
    emulator: "refused",
  },
};

async function byVerifier(token: string): Promise<string> {
  try {
    await userTokenVerifier({ app: cloud.app })(token);
    return "person";
  } catch (error) {
    if (isUserTokenError(error)) return error.code;
    throw error;
  }
}

async function byGate(token: string, applications: boolean): Promise<number | string> {
  const { tenantId, clientId } = cloud.app;
  const gate = protectMcpServer({
    url: "https://contacts.example.com/mcp",
    app: { tenantId, clientId, cloud: { loginEndpoint: cloud.origin } },
    scopes: ["access_as_user"],
    ...(applications ? { applications: { roles: ["Contacts.ReadAll", "Reader"] } } : {}),
  });
  const request = new Request("https://contacts.example.com/mcp", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  let kind: string | undefined;
  const { status } = await gate.fetch(request, ({ authInfo }) => {
    ({ kind } = callerOf(authInfo));
    return new Response();
  });
  return kind ?? status;
}

/** Asks in the name of every client that the tokens have, for a platform user. */
async function bySignInApi(token: string): Promise<string> {
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<
    string,
    unknown
  >;
  const clientIds = [claims["azp"], claims["appid"]]
    .flat()
    .filter((one) => /^[\da-f-]{36}$/.test(String(one)));
  const resource = protectedResource({
    url: "https://contacts.example.com/mcp",
    serverLabel: "contacts",
    scopes: ["api://contacts/read"],
    audiences: ["api://contacts"],
  });
  let served = false;
  const serve = signInApi({
    app: cloud.app,
    verify: () => Promise.reject(new Error("no user token came")),
    agents: [
      {
        name: "agent",
        clientIds: clientIds.length > 0 ? (clientIds as string[]) : [randomUUID()],
        signIn: { ...notAsked, signOut: async () => void (served = true) },
        resources: [resource],
        platformProject: "https://project.example.com",
      },
    ],
  });
  const response = await serve(
    new Request("https://sign-in.example.com/v1/sign-out", {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ user: { platform_user_id: "victim" } }),
    }),
  );
  const body = (await response?.json()) as { error?: { code: string } };
  expect(served).toBe(body.error === undefined);
  return body.error?.code ?? "served";
}

const notAsked: ServedSignIn = {
  redeem: () => Promise.reject(new Error("not asked")),
  keepPrompt: () => Promise.reject(new Error("not asked")),
  settle: () => Promise.reject(new Error("not asked")),
  signOut: () => Promise.reject(new Error("not asked")),
  tokens: () => ({
    kind: "sign_in",
    provesUser: true,
    cacheScope: "c",
    usesAssertion: false,
    cached: false,
    skip: () => undefined,
    acquire: () => Promise.reject(new Error("not asked")),
  }),
};

/** Entra itself, as it is emulated: exchanges a person's token, and no other. */
async function byEmulator(claims: Record<string, unknown>): Promise<string> {
  const { clientId, tenantId } = entra.app("agent");
  const ada = entra.user("Ada").oid;
  // The person has to be known there, so that only the kind of token is in question.
  const known = Object.entries(claims).map(([name, value]) => [name, value === oid ? ada : value]);
  const assertion = await entra.issueUserToken({
    user: "Ada",
    app: "agent",
    claims: Object.fromEntries(known) as Record<string, unknown>,
  });
  const response = await fetch(`${entra.origin}/${tenantId}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      client_id: clientId,
      client_secret: "agent-secret",
      assertion,
      requested_token_use: "on_behalf_of",
      scope: `api://${entra.app("contacts").clientId}/read`,
    }),
  });
  return response.ok ? "exchanged" : "refused";
}
