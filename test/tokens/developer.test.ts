import { describe, expect, it } from "vitest";
import {
  developer,
  isNoTokenError,
  protectedResource,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { contextFor, contextWithoutToken, mcpApp, tenant } from "../support/people.js";
import { unsigned } from "../support/token-endpoint.js";

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/access_as_user`],
  audiences: [mcpApp],
});
const oid = "dddddddd-0000-4000-8000-000000000007";
let asked = 0;

function access(claims: Record<string, unknown>, environment: Record<string, string> = {}): UserAccess {
  const credential = {
    getToken: async () => {
      asked += 1;
      return { token: unsigned({ tid: tenant, oid, ...claims }), expiresOnTimestamp: Date.now() + 3_600_000 };
    },
  };
  return userAccess(resource, [developer(credential, { environment })]);
}

describe("the developer as the user", () => {
  it("works on the developer's machine, and asks the credential once", async () => {
    asked = 0;
    const contacts = access({ scp: "access_as_user" });
    await contacts.token(contextWithoutToken());
    expect((await contacts.token(contextWithoutToken())).source).toBe("developer");
    expect(asked).toBe(1);
  });

  it("says that it cannot prove whose token it gives", () => {
    expect(access({ scp: "x" }).explain(contextWithoutToken()).sources[0]).toMatchObject({
      applies: true,
      provesUser: false,
    });
  });

  it("is skipped in the hosted environment", async () => {
    const error = await access({ scp: "x" }, { FOUNDRY_HOSTING_ENVIRONMENT: "prod" })
      .token(contextWithoutToken())
      .catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(error.skipped[0]).toMatchObject({ source: "developer", reason: "hosted" });
  });

  it.each([
    ["a managed identity", { idtyp: "app", roles: ["x"] }],
    ["a service principal", { roles: ["x"] }],
  ])("refuses %s", async (_what, claims) => {
    await expect(access(claims).token(contextWithoutToken())).rejects.toMatchObject({
      code: "developer_source_refused",
    });
  });

  it("refuses to stand in for another signed-in user", async () => {
    await expect(access({ scp: "x" }).token(contextFor())).rejects.toMatchObject({ code: "wrong_user" });
    expect((await access({ scp: "x" }).token(contextFor({ oid }))).source).toBe("developer");
  });

  it("names the missing package or credential when none is given and az is not signed in", async () => {
    const error: unknown = await userAccess(resource, [developer(undefined, { environment: {} })])
      .token(contextWithoutToken())
      .catch((cause: unknown) => cause);
    expect(String(error)).toMatch(/az login|Azure CLI|@azure\/identity/);
  });
});
