import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  clientSecret,
  entraApp,
  type EntraApp,
  HostedAgentIdentityError,
  type IdentityEvent,
  isTokenExchangeError,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { exchangeAuthorizationCode } from "../../src/exchange/authorization-code-exchange.js";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { exchangeRefreshToken } from "../../src/exchange/refresh-token-exchange.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";
import { agentApp, mcpApp, tenant } from "../support/people.js";
import { json, tokenEndpoint, unsigned, type TokenEndpoint } from "../support/token-endpoint.js";

const signal = new AbortController().signal;

async function refused(work: Promise<unknown>): Promise<HostedAgentIdentityError> {
  const error = await work.then(
    () => new Error("expected a refusal"),
    (cause: unknown) => cause,
  );
  if (!(error instanceof HostedAgentIdentityError)) throw error;
  return error;
}

describe("against Entra's rules", () => {
  let world: SignInWorld;
  let app: EntraApp;
  beforeAll(async () => {
    world = await signInWorld();
    app = world.app();
  });
  afterAll(() => world.entra.close());

  it("redeems a code for the person who signed in, with a refresh token", async () => {
    const ada = world.entra.user("Ada");
    const signedIn = await world.signIn(app, "Ada");
    expect(signedIn.account).toEqual({ tid: ada.tenantId, oid: ada.oid, username: ada.upn, name: "Ada" });
    expect(decodeClaims(signedIn.token)).toMatchObject({ oid: ada.oid, scp: "contacts.read" });
    expect(signedIn.refreshToken.length).toBeGreaterThan(40);
    expect(signedIn.expiresAt - Date.now()).toBeGreaterThan(3_500_000);
  });

  it("redeems a code with the verifier of the browser that asked for it, and only once", async () => {
    const asked = await world.authorize("Ada");
    const other = exchangeAuthorizationCode(entraAppInternals(app), {
      ...asked,
      codeVerifier: "x".repeat(43),
    });
    expect(await refused(other)).toMatchObject({ code: "sign_in_required", errorCodes: [501481] });
    await exchangeAuthorizationCode(entraAppInternals(app), asked);
    const again = await refused(exchangeAuthorizationCode(entraAppInternals(app), asked));
    expect(isTokenExchangeError(again) && again.category).toBe("signin");
  });

  it("refuses a code that answers another sign-in (nonce)", async () => {
    const asked = await world.authorize("Ada");
    const error = await refused(
      exchangeAuthorizationCode(entraAppInternals(app), { ...asked, nonce: "of-another-browser" }),
    );
    expect(error.code).toBe("wrong_user");
  });

  it("refuses an account of a tenant that is not listed", async () => {
    const other = world.app({ allowedTenants: [world.entra.tenants[1]?.id ?? ""] });
    const error = await refused(world.signIn(other, "Ada"));
    expect(error.code).toBe("user_token_tenant");
  });

  it("refreshes in the account's tenant and brings the next refresh token", async () => {
    const { account, refreshToken } = await world.signIn(app, "Bob");
    const { scopes, url: resource } = world.contacts;
    const fresh = await exchangeRefreshToken(entraAppInternals(app), {
      resource,
      refreshToken,
      account,
      scopes,
      claims: undefined,
      signal,
    });
    expect(decodeClaims(fresh.token)?.oid).toBe(account.oid);
    expect(fresh.refreshToken).toBeDefined();
    expect(fresh.refreshToken).not.toBe(refreshToken);
    expect(world.entra.requests.at(-1)?.path).toContain(account.tid);
  });

  it("refuses a token of somebody else's refresh token, and raises an event", async () => {
    const events: IdentityEvent[] = [];
    const watched = world.app({ onEvent: (event) => void events.push(event) });
    const [ada, bob] = [await world.signIn(app, "Ada"), await world.signIn(app, "Bob")];
    const { scopes, url: resource } = world.contacts;
    const { account } = ada;
    const { refreshToken } = bob;
    const mixed = { resource, refreshToken, account, scopes, claims: undefined, signal };
    const error = await refused(exchangeRefreshToken(entraAppInternals(watched), mixed));
    expect(error.code).toBe("wrong_user");
    expect(events).toEqual([{ type: "wrong_user", expected: ada.account.oid }]);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(bob.refreshToken.slice(0, 24));
  });
});

describe("against answers that Entra would not give", () => {
  let entra: TokenEndpoint;
  beforeEach(async () => void (entra = await tokenEndpoint()));
  afterEach(() => entra.close());

  const request = {
    code: "the-code",
    codeVerifier: "v".repeat(43),
    redirectUri: "https://agent.example.com/callback",
    nonce: "n-1",
    tenantId: tenant,
    scopes: [`api://${mcpApp}/read`],
    claims: '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}',
    signal,
  };
  const idToken = { tid: tenant, oid: "some-person", aud: agentApp, nonce: "n-1", sub: "s" };
  const body = { token_type: "Bearer", expires_in: 3600, access_token: "a", refresh_token: "r" };

  function redeem(answer: Record<string, unknown>): Promise<unknown> {
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: clientSecret("not-a-real-secret"),
      cloud: { loginEndpoint: entra.origin },
    });
    entra.answer((_form, response) => json(response, 200, answer));
    return exchangeAuthorizationCode(entraAppInternals(app), request);
  }

  it("sends verifier, redirect URI and claims, and no resource parameter", async () => {
    await redeem({ ...body, id_token: unsigned(idToken) });
    const form = Object.fromEntries(entra.forms[0] ?? []);
    expect(form).toMatchObject({
      grant_type: "authorization_code",
      code: request.code,
      code_verifier: request.codeVerifier,
      redirect_uri: request.redirectUri,
    });
    expect(form["claims"]).toContain("acrs");
    expect(form["scope"]?.split(" ")).toEqual(expect.arrayContaining([...request.scopes, "offline_access"]));
    expect(form).not.toHaveProperty("resource");
  });

  it.each<[string, Record<string, unknown>, string]>([
    ["no id token", body, "wrong_user"],
    [
      "an id token without a nonce",
      { ...body, id_token: unsigned({ ...idToken, nonce: undefined }) },
      "wrong_user",
    ],
    [
      "an id token for another client",
      { ...body, id_token: unsigned({ ...idToken, aud: mcpApp }) },
      "wrong_user",
    ],
    ["an id token of nobody", { ...body, id_token: unsigned({ ...idToken, oid: undefined }) }, "wrong_user"],
    [
      "no refresh token",
      { ...body, refresh_token: undefined, id_token: unsigned(idToken) },
      "entra_bad_response",
    ],
  ])("refuses an answer with %s, after one request", async (_what, answer, code) => {
    expect((await refused(redeem(answer))).code).toBe(code);
    expect(entra.forms).toHaveLength(1);
  });
});
