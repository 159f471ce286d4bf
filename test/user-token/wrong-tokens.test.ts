import { createHash, randomUUID, sign } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ErrorCode, userTokenVerifier } from "hosted-agent-identity";
import { wrongTokens, type WrongToken } from "../../src/errors/causes/user-token.js";
import { inProcess } from "../support/command-line.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";
import { refused } from "../support/refused.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());

const graphId = "00000003-0000-0000-c000-000000000000";
const personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
/** What an ID token lacks, and has besides. */
const idToken = { scp: undefined, azp: undefined, nonce: "of-the-sign-in" };
const version1 = { ver: "1.0", azp: undefined, appid: randomUUID() };

/** As Microsoft signs for its own APIs: the header that is sent has a nonce, the one that is signed has its hash. */
async function withNonce(claims: Record<string, unknown>): Promise<string> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const nonce = randomUUID();
  const header = { typ: "JWT", alg: "RS256", kid: cloud.key.kid };
  const hashed = createHash("sha256").update(nonce).digest("base64url");
  const [, body = ""] = (await cloud.token(claims)).split(".");
  const signed = sign(
    "sha256",
    Buffer.from(`${part({ ...header, nonce: hashed })}.${body}`),
    cloud.key.privateKey,
  );
  return `${part({ ...header, nonce })}.${body}.${signed.toString("base64url")}`;
}

type Make = () => string | Promise<string>;
const cases: readonly [name: string, kind: WrongToken, code: ErrorCode, make: Make][] = [
  ["for Graph, by its id", "graph", "user_token_audience", () => cloud.token({ ...version1, aud: graphId })],
  [
    "for Graph, by its address",
    "graph",
    "user_token_audience",
    () => cloud.token({ aud: "https://graph.microsoft.com/" }),
  ],
  [
    "for Graph of another cloud",
    "graph",
    "user_token_audience",
    () => cloud.token({ aud: "https://graph.microsoft.us" }),
  ],
  ["for Graph, with a nonce", "graph", "user_token_audience", () => withNonce({ ...version1, aud: graphId })],
  [
    "for another of Microsoft's, with a nonce",
    "microsofts",
    "user_token_audience",
    () => withNonce({ aud: "https://outlook.office.com" }),
  ],
  ["for Foundry", "foundrys", "user_token_audience", () => cloud.token({ aud: "https://ai.azure.com" })],
  [
    "for Foundry in another cloud",
    "foundrys",
    "user_token_audience",
    () => cloud.token({ aud: "https://ai.azure.us/" }),
  ],
  [
    "for Azure Resource Manager",
    "microsofts",
    "user_token_audience",
    () => cloud.token({ aud: "https://management.azure.com" }),
  ],
  [
    "for Key Vault, by its id",
    "microsofts",
    "user_token_audience",
    () => cloud.token({ aud: "cfa8b339-82a2-471a-a3c9-0fc0be7a4093" }),
  ],
  ["an ID token of this app", "idToken", "user_token_subject", () => cloud.token(idToken)],
  [
    "an ID token of another app",
    "idToken",
    "user_token_audience",
    () => cloud.token({ ...idToken, aud: randomUUID() }),
  ],
  [
    "for this app, in capitals",
    "spelled",
    "user_token_audience",
    () => cloud.token({ aud: `API://${cloud.app.clientId.toUpperCase()}` }),
  ],
  [
    "for this app, with a slash",
    "spelled",
    "user_token_audience",
    () => cloud.token({ aud: `api://${cloud.app.clientId}/` }),
  ],
  [
    "of version 1 with a URI",
    "version1",
    "user_token_audience",
    () => cloud.token({ ...version1, aud: "https://contoso.example.com/agent" }),
  ],
  [
    "of a personal account",
    "personal",
    "user_token_tenant",
    () => cloud.token({ tid: personal, iss: `${cloud.origin}/${personal}/v2.0` }),
  ],
  [
    "encrypted",
    "encrypted",
    "user_token_malformed",
    () => ["e", "k", "i", "c", "t"].map((part) => part.repeat(30)).join("."),
  ],
  ["a refresh token", "opaque", "user_token_malformed", () => `1.A${"Xb3-_".repeat(60)}`],
  [
    "of a personal account, not readable",
    "opaque",
    "user_token_malformed",
    () => `EwB${"4A8l/+=".repeat(60)}`,
  ],
];

/** What `inspect` finds in a token, for the same app. */
async function inspected(token: string): Promise<{ ok: boolean; checks: Record<string, string>[] }> {
  const env = {
    AZURE_AUTHORITY_HOST: cloud.origin,
    AZURE_TENANT_ID: cloud.home,
    APP_CLIENT_ID: cloud.app.clientId,
  };
  const { out } = await inProcess(["inspect", "--json"], { env, stdin: token });
  return JSON.parse(out) as { ok: boolean; checks: Record<string, string>[] };
}

describe("a token that is commonly wrong is named by the verifier and by `inspect` alike", () => {
  it.each(cases)("%s", async (_name, kind, code, make) => {
    const token = await make();
    const error = await refused(userTokenVerifier({ app: cloud.app })(token), code, token);
    expect(error.message).toContain(wrongTokens[kind].is);
    expect(error.help).toBe(wrongTokens[kind].help);
    const { ok, checks } = await inspected(token);
    expect(ok).toBe(false);
    const found = checks.find((one) => one["code"] === code && one["detail"]?.includes(wrongTokens[kind].is));
    expect(found).toBeDefined();
    // The command says which of its own settings to change where the tenant is not the configured one.
    if (kind !== "personal") expect(found?.["fix"]).toBe(wrongTokens[kind].help);
  });

  it("knows every row of the table", () => {
    const tried = new Set<WrongToken>(cases.map(([, kind]) => kind));
    // What has expired within the tolerance is not refused by either; the exchange refuses it.
    expect(Object.keys(wrongTokens).filter((kind) => !tried.has(kind as WrongToken))).toEqual(["tolerated"]);
  });

  it.each([
    ["another API", { aud: "api://somebody-else" }],
    ["an API whose name ends like Microsoft's", { aud: "https://evilmicrosoft.com" }],
    ["an API under a name that begins like Microsoft's", { aud: "https://graph.microsoft.com.example.com" }],
    ["several", { aud: ["https://graph.microsoft.com", "api://other"] }],
    ["nobody", { aud: undefined }],
  ])("says what to ask for where the token is for %s", async (_whom, claims) => {
    const token = await cloud.token(claims);
    const error = await refused(userTokenVerifier({ app: cloud.app })(token), "user_token_audience", token);
    expect(error.message).toMatch(/^The user token's audience is /);
    expect(error.help).toContain("api://<client id>/<scope>");
  });

  it("does not take a changed token for Graph's: only a nonce in the header does", async () => {
    const [head = "", , signature = ""] = (await cloud.token({ aud: graphId })).split(".");
    const [, body = ""] = (await cloud.token({ aud: graphId, name: "Eve" })).split(".");
    const changed = [head, body, signature].join(".");
    await refused(userTokenVerifier({ app: cloud.app })(changed), "user_token_signature", changed);
  });

  it("warns of a token that has expired within the tolerance, which the verifier accepts", async () => {
    const token = await cloud.token({ exp: Math.floor(Date.now() / 1000) - 30 });
    await userTokenVerifier({ app: cloud.app })(token);
    const { ok, checks } = await inspected(token);
    expect(ok).toBe(true);
    expect(checks).toContainEqual(
      expect.objectContaining({ check: "lifetime", status: "warn", fix: wrongTokens.tolerated.help }),
    );
  });
});
