import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consentLinkPolicy } from "hosted-agent-identity";
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
