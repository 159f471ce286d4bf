import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { signInAs, visitor } from "./visitor.js";

const redirectUri = "https://app.example.com/callback";
let entra: EntraEmulator;
let tenant: string;

beforeAll(async () => {
  entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "app",
        secrets: ["s"],
        redirectUris: [redirectUri, { uri: "http://localhost/cb", type: "native" }],
        requiredAccess: [{ resource: "api", scopes: ["api.read", "api.write"] }],
      },
      {
        name: "api",
        scopes: [
          "api.read",
          "api.write",
          { name: "api.all", adminOnly: true, description: "Read everything" },
        ],
        knownClients: ["app"],
        requiredAccess: [{ resource: "behind", scopes: ["behind.read"] }],
      },
      { name: "behind", scopes: ["behind.read"], secrets: ["s"] },
    ],
    users: [
      { name: "Ada" },
      { name: "Bob", guestIn: ["Fabrikam"] },
      { name: "Root", admin: true },
      { name: "Mia <script>" },
    ],
  });
  tenant = entra.tenants[0]?.id ?? "";
});
afterAll(() => entra.close());

function url(params: Record<string, string> = {}, segment = tenant): string {
  const query = new URLSearchParams({
    client_id: entra.app("app").clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: `openid profile ${scopeOf("api.read")}`,
    state: "s&1",
    ...params,
  });
  return `${entra.origin}/${segment}/oauth2/v2.0/authorize?${query}`;
}

function scopeOf(name: string): string {
  return `${entra.app("api").identifierUris[0]}/${name}`;
}

function revoke(user: string): void {
  entra.revokeConsent({ user, client: "app", resource: "api" });
}

async function redeem(
  code: string | null | undefined,
  params: Record<string, string> = {},
): Promise<Record<string, string>> {
  const response = await fetch(`${entra.origin}/${tenant}/oauth2/v2.0/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code",
      client_id: entra.app("app").clientId,
      client_secret: "s",
      code: code ?? "",
      redirect_uri: redirectUri,
      scope: scopeOf("api.read"),
      ...params,
    }),
  });
  return response.json();
}

describe("the account picker", () => {
  test("offers the tenant's accounts, escaped, and is cut off from its opener", async () => {
    const page = await visitor(entra.origin).open(url());
    expect(page.title).toBe("Pick an account");
    expect(page.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(page.html).toContain(`value="${entra.user("Ada").oid}"`);
    expect(page.html).toContain("Mia &#60;script&#62;");
    expect(page.html).not.toContain("<script>");
  });

  test("offers guests in the tenant where they are guests, with the object id of that tenant", async () => {
    const page = await visitor(entra.origin).open(
      `${entra.origin}/${entra.tenants[1]?.id}/oauth2/v2.0/authorize?client_id=x`,
    );
    expect(page.html).toContain("AADSTS700016");
    const bob = entra.user("Bob");
    const token = await entra.issueUserToken({ user: "Bob", app: "api", tenant: "Fabrikam" });
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ tid: entra.tenants[1]?.id, oid: Object.values(bob.guestOids)[0] });
    expect(claims.oid).not.toBe(bob.oid);
  });

  test("signs in without a page the second time, offers the account again on select_account", async () => {
    const browser = visitor(entra.origin);
    await signInAs(entra.origin, url(), entra.user("Ada").oid, browser);
    const again = await browser.open(url());
    expect(again.location?.searchParams.get("code")).toBeTruthy();
    const picker = await browser.open(url({ prompt: "select_account" }));
    expect(picker.html).toMatch(/ada@.*<\/span> <em>Signed in<\/em>/);
    const answer = await signInAs(
      entra.origin,
      url({ prompt: "select_account" }),
      entra.user("Bob").oid,
      browser,
    );
    expect(
      (await redeem(answer.get("code"), { scope: `openid profile ${scopeOf("api.read")}` }))["id_token"],
    ).toBeTruthy();
    expect(entra.requests.at(-1)?.user).toBe("Bob");
    revoke("Ada");
    revoke("Bob");
  });

  test("cancelling sends access_denied with the state", async () => {
    const browser = visitor(entra.origin);
    await browser.open(url());
    const { location } = await browser.press({ cancel: "yes" });
    expect(location?.origin).toBe("https://app.example.com");
    expect(Object.fromEntries(location?.searchParams ?? [])).toMatchObject({
      error: "access_denied",
      error_subcode: "cancel",
      state: "s&1",
    });
    expect(location?.searchParams.get("error_description")).toMatch(/^AADSTS65004: /);
  });

  test("a form that another browser opened is refused", async () => {
    const [mine, theirs] = [visitor(entra.origin), visitor(entra.origin)];
    const page = await mine.open(url());
    const ctx = /name="ctx" value="([^"]+)"/.exec(page.html)?.[1] ?? "";
    await theirs.open(url());
    const answer = await theirs.press({ ctx, account: entra.user("Ada").oid });
    expect(answer.html).toContain("AADSTS50089");
    expect(answer.location).toBeUndefined();
  });
});

describe("consent", () => {
  test("is asked for once, and what it grants is what the token carries", async () => {
    const browser = visitor(entra.origin);
    await browser.open(url());
    const page = await browser.press({ account: entra.user("Ada").oid });
    expect(page.title).toBe("Permissions requested");
    expect(page.html).toContain("<li>api.read (api)</li>");
    const { location } = await browser.press({ consent: "accept" });
    const body = await redeem(location?.searchParams.get("code"));
    expect(body["scope"]).toBe(scopeOf("api.read"));
    expect((await browser.open(url())).location).toBeDefined();
    expect((await browser.open(url({ prompt: "consent" }))).title).toBe("Permissions requested");
    revoke("Ada");
    expect((await browser.open(url())).title).toBe("Permissions requested");
  });

  test("with /.default covers the client and the resource that knows it", async () => {
    const browser = visitor(entra.origin);
    await signInAs(entra.origin, url({ scope: scopeOf(".default") }), entra.user("Bob").oid, browser);
    const obo = async (): Promise<Record<string, unknown>> => {
      const form = {
        grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
        requested_token_use: "on_behalf_of",
        assertion: await entra.issueUserToken({ user: "Bob", app: "api" }),
        client_id: entra.app("api").clientId,
        scope: `${entra.app("behind").identifierUris[0]}/.default`,
      };
      const endpoint = `${entra.origin}/${tenant}/oauth2/v2.0/token`;
      return (await fetch(endpoint, { method: "POST", body: new URLSearchParams(form) })).json();
    };
    const uri = entra.app("behind").identifierUris[0];
    expect((await obo())["scope"]).toBe(`${uri}/behind.read ${uri}/.default`);
    entra.revokeConsent({ user: "Bob", client: "api", resource: "behind", scopes: ["behind.read"] });
    expect((await obo())["error_codes"]).toEqual([65001]);
    revoke("Bob");
  });

  test("to a scope for administrators is theirs to give, for everybody if they say so", async () => {
    const scope = scopeOf("api.all");
    const ada = visitor(entra.origin);
    await ada.open(url({ scope }));
    expect((await ada.press({ account: entra.user("Ada").oid })).title).toBe("Need admin approval");
    const root = visitor(entra.origin);
    await root.open(url({ scope }));
    const page = await root.press({ account: entra.user("Root").oid });
    expect(page.html).toContain("Read everything (api)");
    expect((await root.press({ consent: "accept", everybody: "yes" })).location).toBeDefined();
    const answer = await signInAs(entra.origin, url({ scope }), entra.user("Ada").oid);
    expect((await redeem(answer.get("code"), { scope }))["scope"]).toBe(scope);
    entra.revokeConsent({ allUsers: true, client: "app", resource: "api" });
  });
});

describe("errors before anything may be sent to the app are pages", () => {
  test.each([
    ["a redirect URI that is not registered", { redirect_uri: "https://evil.example.com/" }, "AADSTS50011"],
    [
      "a redirect URI in other case",
      { redirect_uri: redirectUri.replace("callback", "Callback") },
      "AADSTS50011",
    ],
    ["a redirect URI with more path", { redirect_uri: `${redirectUri}/x` }, "AADSTS50011"],
    ["an unknown client", { client_id: "00000000-1111-4222-8333-444444444444" }, "AADSTS700016"],
  ])("%s", async (_name, params, code) => {
    const page = await visitor(entra.origin).open(url(params));
    expect(page.location).toBeUndefined();
    expect(page.status).toBe(400);
    expect(page.html).toContain(code);
  });

  test("an unknown tenant", async () => {
    const page = await visitor(entra.origin).open(url({}, "nobody.example.com"));
    expect(page.html).toContain("AADSTS90002");
  });

  test("the port of localhost does not count", async () => {
    expect((await visitor(entra.origin).open(url({ redirect_uri: "http://localhost:5123/cb" }))).title).toBe(
      "Pick an account",
    );
  });
});

describe("errors sent to the app", () => {
  test.each([
    ["the wrong response type", { response_type: "token" }, "unsupported_response_type", "AADSTS700054"],
    ["no scope", { scope: "" }, "invalid_request", "AADSTS900144"],
    [
      "a challenge that is not S256",
      { code_challenge: "x", code_challenge_method: "plain" },
      "invalid_request",
      "AADSTS9002313",
    ],
    ["prompt=none with nobody signed in", { prompt: "none" }, "login_required", "AADSTS50058"],
  ])("%s", async (_name, params, error, code) => {
    const { location } = await visitor(entra.origin).open(url(params));
    expect(location?.searchParams.get("error")).toBe(error);
    expect(location?.searchParams.get("error_description")).toMatch(new RegExp(`^${code}: `));
    expect(location?.searchParams.get("state")).toBe("s&1");
  });

  test("an unknown scope, once it is known who asks", async () => {
    const browser = visitor(entra.origin);
    await browser.open(url({ scope: "mcp.read" }));
    const { location } = await browser.press({ account: entra.user("Ada").oid });
    expect(location?.searchParams.get("error_description")).toMatch(/^AADSTS650053: /);
  });

  test("prompt=none: missing consent, several accounts, a second factor", async () => {
    const browser = visitor(entra.origin);
    await browser.open(url());
    await browser.press({ account: entra.user("Ada").oid });
    const silent = async (): Promise<string | null | undefined> =>
      (await browser.open(url({ prompt: "none" }))).location?.searchParams.get("error");
    expect(await silent()).toBe("consent_required");
    entra.grantConsent({ allUsers: true, client: "app", resource: "api", scopes: ["api.read"] });
    const policy = entra.policies.add({ type: "mfa", user: "Ada" });
    expect(await silent()).toBe("interaction_required");
    entra.policies.remove(policy);
    expect(await silent()).toBeNull();
    await signInAs(entra.origin, url({ prompt: "login" }), entra.user("Bob").oid, browser);
    expect(await silent()).toBe("interaction_required");
    entra.revokeConsent({ allUsers: true, client: "app", resource: "api" });
  });
});

test("a blocked or disabled account sees a page and never the app", async () => {
  for (const [type, code] of [
    ["blocked", "AADSTS53003"],
    ["disabled", "AADSTS50057"],
  ] as const) {
    const policy = entra.policies.add({ type, user: "Ada" });
    const browser = visitor(entra.origin);
    await browser.open(url());
    const page = await browser.press({ account: entra.user("Ada").oid });
    expect(page.location).toBeUndefined();
    expect(page.html).toContain(code);
    entra.policies.remove(policy);
  }
});

test("response_mode decides how the answer travels", async () => {
  entra.grantConsent({ allUsers: true, client: "app", resource: "api", scopes: ["api.read"] });
  const browser = visitor(entra.origin);
  await signInAs(entra.origin, url(), entra.user("Ada").oid, browser);
  expect((await browser.open(url({ response_mode: "fragment" }))).location?.hash).toMatch(/^#code=/);
  const page = await browser.open(url({ response_mode: "form_post" }));
  expect(page.html).toMatch(
    /<form method="post" action="https:\/\/app\.example\.com\/callback"><input type="hidden" name="code"/,
  );
  entra.revokeConsent({ allUsers: true, client: "app", resource: "api" });
});

describe("admin consent", () => {
  const adminUrl = (params: Record<string, string> = {}): string =>
    `${entra.origin}/${tenant}/v2.0/adminconsent?${new URLSearchParams({
      client_id: entra.app("app").clientId,
      redirect_uri: redirectUri,
      scope: scopeOf(".default"),
      state: "s",
      ...params,
    })}`;

  test("grants for everybody what the app is configured for", async () => {
    const browser = visitor(entra.origin);
    const page = await browser.open(adminUrl());
    expect(page.html).toContain("Accept as Root");
    expect(page.html).not.toContain("Accept as Ada");
    const { location } = await browser.press({ account: entra.user("Root").oid });
    expect(Object.fromEntries(location?.searchParams ?? [])).toMatchObject({
      admin_consent: "True",
      tenant,
      state: "s",
    });
    const silent = await signInAs(entra.origin, url({ scope: scopeOf("api.write") }), entra.user("Ada").oid);
    const body = await redeem(silent.get("code"), { scope: scopeOf("api.write") });
    expect(body["scope"]?.split(" ")).toEqual([scopeOf("api.read"), scopeOf("api.write")]);
    entra.revokeConsent({ allUsers: true, client: "app", resource: "api" });
  });

  test("is refused to others, and cancelled with permission_denied", async () => {
    const browser = visitor(entra.origin);
    await browser.open(adminUrl());
    expect((await browser.press({ account: entra.user("Ada").oid })).html).toContain("AADSTS90094");
    await browser.open(adminUrl());
    const { location } = await browser.press({ cancel: "yes" });
    expect(location?.searchParams.get("error")).toBe("permission_denied");
    expect((await browser.open(adminUrl({ redirect_uri: "https://evil.example.com/" }))).html).toContain(
      "AADSTS50011",
    );
  });
});

test("signing out forgets the browser, and redirects only to what is registered", async () => {
  const browser = visitor(entra.origin);
  await browser.open(url());
  await browser.press({ account: entra.user("Ada").oid });
  const out = (target: string): string =>
    `${entra.origin}/${tenant}/oauth2/v2.0/logout?post_logout_redirect_uri=${encodeURIComponent(target)}`;
  expect((await browser.open(out("https://evil.example.com/"))).location).toBeUndefined();
  expect((await browser.open(out(redirectUri))).location?.href).toBe(redirectUri);
  expect((await browser.open(url())).title).toBe("Pick an account");
});
