import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { isConsentRequiredError, protectedResource, userAccess, UserContext } from "hosted-agent-identity";
import { remoteSignIn } from "hosted-agent-identity/sign-in";
import { consentReasons } from "../../../src/errors/consent-required.js";
import { refusedCodes } from "../../../src/sign-in/binding/redeemed.js";
import { readRedeemed, wireRedeemed } from "../../../src/sign-in/remote/redeemed-wire.js";

const contacts = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});
const link = "https://sign-in.example.com/start?t=1";

/** The requests that an agent reads out of a service's answer with this reason. */
async function requestsWith(reason: string): Promise<readonly (readonly [string, string])[]> {
  const context = new UserContext({
    principal: { kind: "platform", project: "https://project.example.com", agent: "agent", id: "u1" },
    platform: { hosted: true, userId: "u1" },
    clientHeaders: {},
    trace: {},
  });
  const requests = [{ link, server_label: "contacts", reason, expires_at: null }];
  const remote = remoteSignIn({
    url: "https://sign-in.example.com",
    credential: { getToken: async () => ({ token: "agent", expiresOnTimestamp: Date.now() + 3_600_000 }) },
    scope: "api://service/.default",
    fetch: async () => Response.json({ status: "consent_required", requests }),
  });
  const error: unknown = await userAccess(contacts, [remote.tokens()])
    .token(context)
    .catch((cause: unknown) => cause);
  if (!isConsentRequiredError(error)) throw error;
  return error.requests.map((one) => [one.link, one.reason] as const);
}

describe("the reasons that a sign-in service and its agents exchange", () => {
  it.each(consentReasons)("a link keeps its reason: %s", async (reason) => {
    expect(await requestsWith(reason)).toEqual([[link, reason]]);
  });

  it("a link with a reason that this version does not know is shown as a sign-in", async () => {
    expect(await requestsWith("of-a-newer-service")).toEqual([[link, "sign_in"]]);
  });

  it.each(refusedCodes)("a refusal keeps its reason: %s", (reason) => {
    const refused = { status: "refused", reason, say: "No." } as const;
    expect(readRedeemed({ ...wireRedeemed(refused) })).toEqual(refused);
  });

  it("are those of the API's description", () => {
    const description = readFileSync(
      new URL("../../../docs/sign-in-service.openapi.json", import.meta.url),
      "utf8",
    );
    const enums = [...description.matchAll(/"reason": \{\s*"enum": (\[[^\]]*\])/g)].map(
      (found) => JSON.parse(found[1] ?? "") as unknown,
    );
    expect(enums).toEqual([consentReasons, refusedCodes]);
  });
});
