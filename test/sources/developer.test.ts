import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import {
  developer,
  isNoTokenError,
  protectedResource,
  type SkippedSource,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { knownHosts } from "../../src/foundry/developer-machine.js";
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

/** Where the developer has said that they are the user. */
const own = { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" };

function access(claims: Record<string, unknown>, environment: Record<string, string> = own): UserAccess {
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

  const skippedIn = async (environment: Record<string, string>): Promise<SkippedSource | undefined> => {
    const before = asked;
    const contacts = access({ scp: "x" }, environment);
    const error = await contacts.token(contextWithoutToken()).catch((cause: unknown) => cause);
    if (!isNoTokenError(error)) throw error;
    expect(asked).toBe(before);
    const [explained] = contacts.explain(contextWithoutToken()).sources;
    expect(explained).toMatchObject({ applies: false, detail: error.skipped[0]?.detail });
    return error.skipped[0];
  };

  it("is skipped in the hosted environment", async () => {
    const skipped = await skippedIn({ ...own, FOUNDRY_HOSTING_ENVIRONMENT: "prod" });
    expect(skipped).toMatchObject({ source: "developer", reason: "hosted" });
    expect(skipped?.detail).toContain("FOUNDRY_HOSTING_ENVIRONMENT is set");
  });

  it.each([undefined, "", "0", "false", "no", "yes please"])(
    "is skipped where the developer has not said so: %s",
    async (said) => {
      const skipped = await skippedIn(said === undefined ? {} : { HOSTED_AGENT_IDENTITY_DEVELOPER: said });
      expect(skipped?.reason).toBe("not_opted_in");
      expect(skipped?.detail).toContain("set HOSTED_AGENT_IDENTITY_DEVELOPER=1 on your own machine");
    },
  );

  it.each(["production", " Production "])(
    "is skipped with NODE_ENV=%s, whatever was said",
    async (NODE_ENV) => {
      expect(await skippedIn({ ...own, NODE_ENV })).toMatchObject({
        reason: "hosted",
        detail: expect.stringContaining("NODE_ENV is production"),
      });
    },
  );

  it.each([
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_SITE_NAME",
    "CONTAINER_APP_NAME",
    "CONTAINER_APP_JOB_NAME",
    "IDENTITY_ENDPOINT",
    "KUBERNETES_SERVICE_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "ECS_CONTAINER_METADATA_URI_V4",
    "K_SERVICE",
    "CLOUD_RUN_JOB",
    "DYNO",
    "FLY_APP_NAME",
    "RENDER",
  ])("is skipped on a host that sets %s, whatever was said", async (variable) => {
    const skipped = await skippedIn({ ...own, [variable]: "x" });
    expect(skipped?.reason).toBe("hosted");
    expect(skipped?.detail).toContain(variable);
  });

  it.each([
    ["1", { NODE_ENV: "development" }],
    ["true", { NODE_ENV: "test", KUBERNETES_SERVICE_HOST: "" }],
    [" TRUE ", {}],
  ])("applies where the developer has said %j", async (said, others) => {
    const environment = { ...others, HOSTED_AGENT_IDENTITY_DEVELOPER: said };
    expect((await access({ scp: "x" }, environment).token(contextWithoutToken())).source).toBe("developer");
  });

  it("looks at the environment of the process, at each call", async () => {
    const credential = {
      getToken: async () => ({ token: unsigned({ tid: tenant, oid, scp: "x" }), expiresOnTimestamp: 9e12 }),
    };
    const contacts = userAccess(resource, [developer(credential)]);
    const reason = (): string | undefined => contacts.explain(contextWithoutToken()).sources[0]?.detail;
    // The machine of a test may be a host itself.
    for (const { variable } of knownHosts) vi.stubEnv(variable, "");
    expect(reason()).toContain("HOSTED_AGENT_IDENTITY_DEVELOPER=1");
    vi.stubEnv("HOSTED_AGENT_IDENTITY_DEVELOPER", "1");
    expect(reason()).toBe("applies.");
    vi.stubEnv("NODE_ENV", "production");
    expect(reason()).toContain("NODE_ENV is production");
    vi.unstubAllEnvs();
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
    const error: unknown = await userAccess(resource, [developer(undefined, { environment: own })])
      .token(contextWithoutToken())
      .catch((cause: unknown) => cause);
    expect(String(error)).toMatch(/az login|Azure CLI|@azure\/identity/);
  });
});

it("the guide names every known host, with the page that documents its variable", () => {
  const guide = readFileSync(new URL("../../docs/guides/which-way.md", import.meta.url), "utf8");
  for (const { variable, source } of knownHosts) {
    expect(guide).toContain(`\`${variable}\``);
    expect(guide).toContain(`https://${source}`);
  }
});
