import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { describe, expect, it } from "vitest";
import {
  cloudEndpoints,
  cloudOfAuthorityHost,
  cloudOption,
  issuersOf,
  signingKeysUrl,
  tokenEndpoint,
  tenantOption,
} from "../../src/entra/clouds.js";
import { scopesOption } from "../../src/entra/scopes.js";

const tid = "aaaaaaaa-0000-4000-8000-000000000001";

describe("clouds", () => {
  it("know their endpoints, both issuer forms and their own exchange audience", () => {
    const government = cloudEndpoints("us_gov");
    expect(tokenEndpoint(government, tid)).toBe(`https://login.microsoftonline.us/${tid}/oauth2/v2.0/token`);
    expect(signingKeysUrl(government, tid)).toBe(
      `https://login.microsoftonline.us/${tid}/discovery/v2.0/keys`,
    );
    expect(issuersOf(government, tid)).toEqual([
      `https://login.microsoftonline.us/${tid}/v2.0`,
      `https://sts.windows.net/${tid}/`,
    ]);
    expect(government.tokenExchangeAudience).toBe("api://AzureADTokenExchangeUSGov");
  });

  it("are found by the authority host of the Azure SDKs", () => {
    expect(cloudOfAuthorityHost(undefined)).toBe("global");
    expect(cloudOfAuthorityHost("https://login.microsoftonline.us/")).toBe("us_gov");
    expect(cloudOfAuthorityHost("login.partner.microsoftonline.cn")).toBe("china");
    expect(cloudOfAuthorityHost("http://127.0.0.1:1234")).toEqual({ loginEndpoint: "http://127.0.0.1:1234" });
  });

  it.each([
    "http://login.example.com",
    "https://user@login.example.com",
    "https://login.example.com/tenant",
    "ftp://x",
    "nonsense://",
  ])("refuse %s as a login endpoint", (loginEndpoint) =>
    expect(() => cloudOption.read({ loginEndpoint }, "entraApp: cloud")).toThrow(
      /^entraApp: cloud\.loginEndpoint: expected an https origin/,
    ),
  );
});

describe("scopes of one resource", () => {
  it("are sorted and without duplicates", () => {
    expect(scopesOption.read(["api://x/b", "api://x/a", "api://x/b"], "scopes")).toEqual([
      "api://x/a",
      "api://x/b",
    ]);
  });

  it.each([
    ["a bare scope, which Entra would take for Graph's", ["read"], /scopes\[0\]: .*names no resource/],
    ["scopes of two resources", ["api://x/a", "api://y/a"], /one resource/],
    ["/.default beside others", ["api://x/.default", "api://x/a"], /"\/\.default" alone/],
    ["an OpenID scope", ["openid"], /Leave out "openid"/],
    ["nothing", [], /at least 1 scope/],
    ["white space inside", ["api://x/a b"], /scopes\[0\]: expected a scope in full/],
  ])("refuse %s", (_what, scopes, message) =>
    expect(() => scopesOption.read(scopes, "scopes")).toThrow(message),
  );
});

describe("a protected resource", () => {
  const good = {
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: ["api://x/a"],
    audiences: ["api://x"],
  };

  it("is plain frozen data", () => {
    const resource = protectedResource({ ...good, url: new URL(good.url) });
    expect(JSON.parse(JSON.stringify(resource))).toEqual({ ...good });
    expect(Object.isFrozen(resource)).toBe(true);
  });

  it.each([
    [{ url: "http://mcp.example.com/mcp" }, /https/],
    [{ url: "https://user:secret@mcp.example.com/mcp" }, /user name/],
    [{ url: "https://mcp.example.com/mcp?x=1" }, /query/],
    [{ url: "https://mcp.example.com/a%2fb" }, /encoded/],
    [{ url: "/mcp" }, /https address/],
    [{ serverLabel: "a\nb" }, /serverLabel/],
    [{ serverLabel: "" }, /serverLabel/],
    [{ audiences: [] }, /audiences/],
    [{ audiences: ["contacts"] }, /audiences/],
    [{ audiences: ["https://ai.azure.com"] }, /Foundry/],
  ])("refuses %j", (wrong, message) =>
    expect(() => protectedResource({ ...good, ...wrong })).toThrow(message),
  );

  it("never repeats a password in its message", () => {
    expect(() => protectedResource({ ...good, url: "https://user:hunter2@mcp.example.com/mcp" })).toThrow(
      /^((?!hunter2).)*$/,
    );
  });
});

describe("a tenant id", () => {
  it.each(["common", "organizations", "consumers", "contoso.onmicrosoft.com", ""])("is not %j", (value) =>
    expect(() => tenantOption.read(value, "entraApp: tenantId")).toThrow(/GUID/),
  );
  it("is compared in lower case", () => {
    const credential = clientSecret("secret");
    const upper = tid.toUpperCase();
    const app = entraApp({ tenantId: upper, clientId: upper, allowedTenants: [upper], credential });
    expect([app.tenantId, app.clientId, app.allowedTenants]).toEqual([tid, tid, [tid]]);
  });
});
