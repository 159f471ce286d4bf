import { describe, expect, it } from "vitest";
import {
  adminConsentLink,
  clientSecret,
  type ConsentLinkInput,
  entraApp,
  entraConsentLink,
} from "hosted-agent-identity";

const tenantId = "11111111-1111-4111-8111-111111111111";
const guestTenant = "22222222-2222-4222-8222-222222222222";
const clientId = "33333333-3333-4333-8333-333333333333";
const redirectUri = "https://chat.example.com/consented";
const app = entraApp({
  tenantId,
  clientId,
  credential: clientSecret("s"),
  allowedTenants: [tenantId, guestTenant],
});
const input: ConsentLinkInput = {
  serverLabel: "contacts",
  scopes: ["api://x/read", "api://x/write"],
  reason: "consent",
};

async function made(link: ReturnType<typeof entraConsentLink>, more: Partial<ConsentLinkInput> = {}) {
  const url = new URL((await link({ ...input, ...more })).link);
  return { at: url.origin + url.pathname, parameters: Object.fromEntries(url.searchParams) };
}

describe("the link to Entra's consent screen", () => {
  const link = entraConsentLink({ app, redirectUri });

  it("asks for the resource's scopes and for nothing else", async () => {
    const { at, parameters } = await made(link);
    expect(at).toBe(`https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/authorize`);
    expect(parameters).toEqual({
      client_id: clientId,
      response_type: "code",
      response_mode: "query",
      redirect_uri: redirectUri,
      scope: "api://x/read api://x/write",
      state: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: "S256",
      prompt: "select_account",
    });
    expect(link.kind).toBe("user");
  });

  it("has a new state and a new challenge each time, so no code of it can be redeemed", async () => {
    const [one, two] = [await made(link), await made(link)];
    expect(one.parameters["state"]).not.toBe(two.parameters["state"]);
    expect(one.parameters["code_challenge"]).not.toBe(two.parameters["code_challenge"]);
    expect(one.parameters["code_challenge"]).not.toBe(one.parameters["state"]);
  });

  it("goes to the user's own tenant, with a hint instead of a choice of accounts", async () => {
    const user = { tid: guestTenant, oid: "o", username: "ada@contoso.com" };
    const { at, parameters } = await made(link, { user, claims: '{"access_token":{}}' });
    expect(at).toContain(guestTenant);
    expect(parameters).toMatchObject({ login_hint: "ada@contoso.com", claims: '{"access_token":{}}' });
    expect(parameters).not.toHaveProperty("prompt");
    expect(
      (await made(entraConsentLink({ app, redirectUri, prompt: "consent" }), { user })).parameters["prompt"],
    ).toBe("consent");
  });

  it("never goes to a tenant that is not listed", async () => {
    const user = { tid: "44444444-4444-4444-8444-444444444444", oid: "o" };
    expect((await made(link, { user })).at).toContain(tenantId);
  });

  it("of an app in another cloud goes there", async () => {
    const local = entraApp({
      tenantId,
      clientId,
      credential: clientSecret("s"),
      cloud: { loginEndpoint: "http://127.0.0.1:4000" },
    });
    expect(
      (await made(entraConsentLink({ app: local, redirectUri: "http://localhost:3000/back" }))).at,
    ).toMatch(/^http:\/\/127\.0\.0\.1:4000\//);
  });
});

it("the link for administrators goes to the admin consent page and says so", async () => {
  const link = adminConsentLink({ app, redirectUri });
  expect(link.kind).toBe("admin");
  expect(await made(link)).toEqual({
    at: `https://login.microsoftonline.com/${tenantId}/v2.0/adminconsent`,
    parameters: {
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: "api://x/read api://x/write",
      state: expect.stringMatching(/^[\w-]{43}$/),
    },
  });
});

it.each([
  "http://chat.example.com/x",
  "http://[::1]/x",
  "https://chat.example.com/x#y",
  "https://u@chat.example.com/x",
  "https://chat.example.com/a(b)",
  "https://*.example.com/x",
  "chat",
  `https://chat.example.com/${"x".repeat(250)}`,
])("a redirect URI that Entra would refuse is refused at once: %s", (uri) => {
  for (const make of [entraConsentLink, adminConsentLink]) {
    expect(() => make({ app, redirectUri: uri })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  }
});
