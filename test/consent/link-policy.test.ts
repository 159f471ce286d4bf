import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oauthConsentRequest } from "hosted-agent-identity/turn";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { linkFault } from "../../src/consent/link-policy.js";

const policy = consentLinkPolicy({
  allowedOrigins: [
    "https://login.microsoftonline.com",
    "https://chat.example.com:8443",
    "http://127.0.0.1:9000",
  ],
});

describe("a consent link policy", () => {
  it.each([
    "https://login.microsoftonline.com/t/oauth2/v2.0/authorize?client_id=x&scope=a%20b",
    "https://LOGIN.microsoftonline.com/x",
    "https://login.microsoftonline.com:443/x",
    "https://chat.example.com:8443/sign-in?ticket=1#f",
    "http://127.0.0.1:9000/authorize",
  ])("allows %s", (link) => {
    expect(() => policy.check(link)).not.toThrow();
  });

  it.each([
    "https://evil.example/",
    "https://login.microsoftonline.com.evil.example/",
    "https://chat.example.com/",
    "http://login.microsoftonline.com/",
    "http://127.0.0.1:9001/",
    "https://login.microsoftonline.com@evil.example/",
    "https://user:pw@login.microsoftonline.com/",
    "https:login.microsoftonline.com/",
    "https:/login.microsoftonline.com/",
    "//login.microsoftonline.com/",
    "/relative",
    "https://login.microsoftonline.com\\@evil.example/",
    "https://login%2Emicrosoftonline.com/",
    "https://login.microsoftonline.com/a b",
    "https://login.microsoftonline.com/\t",
    " https://login.microsoftonline.com/",
    "https://login.microsoftonline.com/\u202e",
    "https://login.microsoftonline.com\u3002evil.example/",
    "https://login.microsoftonline.com:99999/",
    "https://login.microsoftonline.com:0/",
    "https:///x",
    "javascript:alert(1)",
    "data:text/html,x",
    "",
    `https://login.microsoftonline.com/${"x".repeat(9000)}`,
  ])("refuses %j and does not repeat it", (link) => {
    expect(() => policy.check(link)).toThrow(
      expect.objectContaining({
        code: "consent_link_refused",
        message: expect.not.stringMatching(/alert|user:pw|relative|\/x/),
      }),
    );
  });

  it.each([
    "https://chat.example.com/path",
    "https://u@chat.example.com",
    "http://chat.example.com",
    "chat.example.com",
    "*",
  ])("takes no %j for an origin", (origin) => {
    expect(() => consentLinkPolicy({ allowedOrigins: [origin] })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });

  it("lets only links through that every URL parser reads alike", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.webUrl({ withFragments: true, withQueryParameters: true }),
          fc.string(),
          fc.string().map((text) => `https://login.microsoftonline.com${text}`),
        ),
        (link) => {
          if (linkFault(link) !== undefined) return;
          const url = new URL(link);
          expect(["http:", "https:"]).toContain(url.protocol);
          expect(url.username + url.password).toBe("");
          const shown = /^https?:\/\/([^/?#]+)/i
            .exec(link)?.[1]
            ?.toLowerCase()
            .replace(/:0*(443|80)?$/, "");
          expect(shown?.replace(/:0*(\d+)$/, ":$1")).toBe(url.host);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

it("a policy of one's own decides about well-formed links only", () => {
  const own = { allowedOrigins: [], check: () => undefined };
  const item = (consentLink: string) => oauthConsentRequest({ consentLink, serverLabel: "x", policy: own });
  expect(item("https://anywhere.example/").consent_link).toBe("https://anywhere.example/");
  for (const link of ["javascript:alert(1)", "https://u@anywhere.example/", "http://anywhere.example/"])
    expect(() => item(link)).toThrow(expect.objectContaining({ code: "consent_link_refused" }));
});

describe("a policy for some links of a host", () => {
  const some = consentLinkPolicy({
    allowedOrigins: ["https://sign-in.example.com"],
    allowedLinks: [
      { origin: "https://logic-*.broker.example.net", path: "/login" },
      {
        origin: "https://login.example.com",
        path: "/*/authorize",
        parameters: { client_id: "a", to: "https://x" },
      },
    ],
  });

  it.each([
    "https://sign-in.example.com/anything",
    "https://logic-eu-001.broker.example.net/login?data=x#y",
    "https://LOGIC-EU.broker.example.net/login",
    "https://login.example.com/tenant.example/authorize?client_id=a&to=https%3A%2F%2Fx&scope=b",
  ])("allows %s", (link) => expect(() => some.check(link)).not.toThrow());

  it.each([
    ["https://other.broker.example.net/login", 'origin "https://other.broker.example.net" is not allowed'],
    ["https://logic-.broker.example.net/login", "is not allowed"],
    ["https://logic-a.b.broker.example.net/login", "is not allowed"],
    ["https://logic-a.broker.example.net.evil.example/login", "is not allowed"],
    ["https://logic-a.broker.example.net:8443/login", "is not allowed"],
    ["http://logic-a.broker.example.net/login", "loopback"],
    ["https://logic-a.broker.example.net/", "is allowed, but not this path"],
    ["https://logic-a.broker.example.net/login/", "not this path"],
    ["https://logic-a.broker.example.net/login/x", "not this path"],
    ["https://logic-a.broker.example.net/LOGIN", "not this path"],
    ["https://logic-a.broker.example.net/x/../redirect", "not this path"],
    ["https://logic-a.broker.example.net/log%69n", "not this path"],
    ["https://login.example.com/a/b/authorize?client_id=a&to=https%3A%2F%2Fx", "not this path"],
    ["https://login.example.com/%2e%2e/authorize?client_id=a&to=https%3A%2F%2Fx", "not this path"],
    ["https://login.example.com/t/authorize?to=https%3A%2F%2Fx", "not with another client_id"],
    ["https://login.example.com/t/authorize?client_id=b&to=https%3A%2F%2Fx", "not with another client_id"],
    ["https://login.example.com/t/authorize?client_id=a&to=https%3A%2F%2Fx%2Fy", "not with another to"],
    ["https://login.example.com/t/authorize?client_id=a&client_id=a&to=https%3A%2F%2Fx", "client_id"],
    [
      "https://login.example.com/t/authorize?client_id=a&to=https%3A%2F%2Fx&TO=https%3A%2F%2Fevil",
      "another to",
    ],
  ])("refuses %s", (link, because) => {
    expect(() => some.check(link)).toThrow(
      expect.objectContaining({
        code: "consent_link_refused",
        message: expect.stringContaining(because) as string,
      }),
    );
  });

  it.each([
    { origin: "https://*", path: "/login" },
    { origin: "https://*.*.example.net", path: "/login" },
    { origin: "https://a.*.example.net", path: "/login" },
    { origin: "http://x.example.net", path: "/login" },
    { origin: "https://x.example.net/", path: "/login" },
    { origin: "https://u@x.example.net", path: "/login" },
    { origin: "https://x.example.net", path: "login" },
    { origin: "https://x.example.net", path: "/lo*" },
    { origin: "https://x.example.net", path: "/a/**" },
    { origin: "https://x.example.net", path: "/login?x" },
    { origin: "https://x.example.net", path: "/login", parameters: { client_id: "" } },
  ])("is not made from %j", (allowed) => {
    expect(() => consentLinkPolicy({ allowedOrigins: [], allowedLinks: [allowed] })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });

  it("shows what it allows, for a policy of somebody else", () => {
    const again = consentLinkPolicy({ allowedOrigins: [], allowedLinks: some.allowedLinks ?? [] });
    expect(() => again.check("https://logic-a.broker.example.net/login")).not.toThrow();
    expect(() => again.check("https://sign-in.example.com/")).toThrow(/is not allowed/);
  });
});

describe("a policy for every host below a domain", () => {
  const below = consentLinkPolicy({
    allowedOrigins: ["https://*.consent.example.net", "https://*.ports.example.net:8443"],
  });

  it.each([
    "https://logic-1.consent.example.net/login",
    "https://a.b.consent.example.net/login",
    "https://LOGIC.Consent.Example.NET/login",
    "https://logic-1.consent.example.net:443/login",
    "https://x.ports.example.net:8443/login",
  ])("allows %s", (link) => {
    expect(() => below.check(link)).not.toThrow();
  });

  it.each([
    "https://consent.example.net/login",
    "https://evilconsent.example.net/login",
    "https://x.consent.example.net.evil.example/login",
    "https://x.consent.example.net./login",
    "http://x.consent.example.net/login",
    "https://x.consent.example.net:8443/login",
    "https://x.ports.example.net/login",
    "https://evil.example/.consent.example.net",
    "https://evil.example?.consent.example.net",
    "https://evil.example#.consent.example.net",
    "https://x.consent.example.net@evil.example/",
    "https://.consent.example.net/",
  ])("refuses %s", (link) => {
    expect(() => below.check(link)).toThrow(expect.objectContaining({ code: "consent_link_refused" }));
  });

  it.each([
    "https://*.net",
    "https://*",
    "https://*.",
    "https://*.*.example.net",
    "https://a.*.example.net",
    "https://*.127.0.0.1",
    "https://*.[::1]",
    "http://*.example.net",
    "http://*.localhost",
    "https://*.example.net/path",
    "https://*.user@example.net",
  ])("is not made from %s", (allowed) => {
    expect(() => consentLinkPolicy({ allowedOrigins: [allowed] })).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});
