import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  certificate,
  developer,
  HostedAgentIdentityError,
  protectedResource,
  runWithUserContext,
  userAccess,
  type TokenSource,
  type UserAccessOptions,
} from "hosted-agent-identity";
import { oauthConsentRequest } from "hosted-agent-identity/turn";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { testUserContext } from "hosted-agent-identity/testing";
import { errorCauses } from "../../src/errors/causes.js";

const resource = protectedResource({
  url: "https://contacts.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const source: TokenSource = {
  kind: "fixed",
  provesUser: true,
  cacheScope: "",
  usesAssertion: false,
  cached: true,
  skip: () => undefined,
  acquire: async () => ({
    status: "token",
    token: { token: "the-token", expiresAt: Date.now() + 3_600_000, source: "fixed" },
  }),
};

/** What a user's call throws. */
async function thrownBy(
  call: () => unknown,
): Promise<Pick<HostedAgentIdentityError, "code" | "category" | "help">> {
  try {
    await call();
  } catch (error) {
    if (error instanceof HostedAgentIdentityError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}

const answering =
  (status: number, headers: Record<string, string>): NonNullable<UserAccessOptions["fetch"]> =>
  async () =>
    new Response(status === 307 || status === 302 ? null : "", { status, headers });

const refusing = (challenge: string, status = 403) => answering(status, { "www-authenticate": challenge });

async function called(options: UserAccessOptions, init?: RequestInit): Promise<unknown> {
  return userAccess(resource, [source], options).as(testUserContext()).fetch(resource.url, init);
}

const asker = (credential: TokenSource, name: string): Promise<unknown> =>
  userAccess(resource, [credential]).token(testUserContext({ name }));

const developersToken = [
  { alg: "RS256" },
  { oid: "11111111-1111-4111-8111-111111111111", tid: "22222222-2222-4222-8222-222222222222", scp: "read" },
]
  .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
  .join(".");

describe("a code that has several causes says for each what to do", () => {
  it.each([
    [
      "insufficient_scope",
      "otherResource",
      () =>
        called({
          fetch: refusing('Bearer error="insufficient_scope", scope="https://graph.microsoft.com/Mail.Read"'),
        }),
    ],
    [
      "insufficient_scope",
      "configured",
      () => called({ fetch: refusing('Bearer error="insufficient_scope", scope="api://contacts/read"') }),
    ],
    ["insufficient_scope", "unnamed", () => called({ fetch: refusing('Bearer error="insufficient_scope"') })],
    ["resource_unauthorized", "own", () => called({ fetch: refusing('Bearer error="invalid_token"', 401) })],
    ["redirect_refused", "loop", () => called({ fetch: answering(307, { location: resource.url }) })],
    ["redirect_refused", "method", () => called({ fetch: answering(302, { location: resource.url }) })],
    [
      "redirect_refused",
      "body",
      () =>
        called({ fetch: answering(307, { location: resource.url }) }, {
          method: "POST",
          body: new Blob(["{}"]).stream(),
          duplex: "half",
        } as RequestInit),
    ],
    [
      "entra_timeout",
      "access",
      async () => {
        const silent = { ...source, acquire: () => new Promise<never>(() => {}) };
        await userAccess(resource, [silent], { timeoutMs: 20 }).token(testUserContext());
      },
    ],
    [
      "entra_bad_response",
      "source",
      () =>
        asker(
          {
            ...source,
            acquire: async () => ({
              status: "token",
              token: { token: "two\nlines", expiresAt: Date.now() + 3_600_000, source: "fixed" },
            }),
          },
          "Ada",
        ),
    ],
    [
      "wrong_user",
      "credential",
      () => {
        const credential = userAccess(resource, [source]).tokenCredential(testUserContext({ name: "Ada" }));
        return runWithUserContext(testUserContext({ name: "Bob" }), () =>
          credential.getToken("api://contacts/read"),
        );
      },
    ],
    [
      "wrong_user",
      "developer",
      async () => {
        const before = process.env["HOSTED_AGENT_IDENTITY_DEVELOPER"];
        process.env["HOSTED_AGENT_IDENTITY_DEVELOPER"] = "1";
        try {
          const getToken = async () => ({
            token: `${developersToken}.signature`,
            expiresOnTimestamp: Date.now() + 3_600_000,
          });
          await asker(developer({ getToken }), "Bob");
        } finally {
          if (before === undefined) delete process.env["HOSTED_AGENT_IDENTITY_DEVELOPER"];
          else process.env["HOSTED_AGENT_IDENTITY_DEVELOPER"] = before;
        }
      },
    ],
    [
      "invalid_option",
      "otherResource",
      () =>
        userAccess(resource, [source])
          .tokenCredential(testUserContext())
          .getToken("https://graph.microsoft.com/Mail.Read"),
    ],
    [
      "consent_link_refused",
      "form",
      () =>
        oauthConsentRequest({
          consentLink: "https://user@login.microsoftonline.com/x",
          serverLabel: "contacts",
          policy: consentLinkPolicy({ allowedOrigins: ["https://login.microsoftonline.com"] }),
        }),
    ],
  ] as const)("%s, %s", async (code, cause, call) => {
    const error = await thrownBy(call);
    const facts = errorCauses[code]?.[cause];
    expect(error).toMatchObject({ code, help: facts?.help });
    expect(error.category).toBe(facts?.category ?? error.category);
  });

  it("of which each has a text of its own", () => {
    for (const causes of Object.values(errorCauses)) {
      const rows = Object.values(causes);
      expect(new Set(rows.map(({ when }) => when)).size).toBe(rows.length);
      for (const { when, help } of rows)
        expect([/^\S.*[^.]$/.test(when), help.endsWith(".")]).toEqual([true, true]);
    }
  });

  it("and all of them stand in the catalogue: no next step is written elsewhere", () => {
    const root = new URL("../../src/", import.meta.url);
    const written = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !/^(?:errors|cli|testing)\//.test(file))
      .filter((file) => /\bhelp:\s*["'`]/.test(readFileSync(new URL(file, root), "utf8")));
    // What the service writes for a failure of its own, whose row is `service_error`.
    expect(written).toEqual(["sign-in/remote/wire.ts"]);
  });
});

it("a certificate without a key says what it has to have", async () => {
  const error = await thrownBy(async () => {
    const { entraApp } = await import("hosted-agent-identity");
    const app = entraApp({
      tenantId: "22222222-2222-4222-8222-222222222222",
      clientId: "33333333-3333-4333-8333-333333333333",
      credential: certificate({ pem: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" }),
    });
    await userAccess(resource, [(await import("hosted-agent-identity")).onBehalfOf(app)]).token(
      testUserContext({
        audience: "33333333-3333-4333-8333-333333333333",
        tid: "22222222-2222-4222-8222-222222222222",
      }),
    );
  });
  expect(error).toMatchObject({
    code: "client_credential_failed",
    help: errorCauses.client_credential_failed?.["certificate"]?.help,
  });
});
