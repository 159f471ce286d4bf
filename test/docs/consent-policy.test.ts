import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { foundryToolbox, isHostedAgentIdentityError } from "hosted-agent-identity";
import {
  consentLinkPolicy,
  type ConsentLinkPolicy,
  toolboxConsentLinks,
} from "hosted-agent-identity/consent";

const guide = readFileSync(new URL("../../docs/guides/consent-in-clients.md", import.meta.url), "utf8");
const [, code = ""] = /^const policy = (consentLinkPolicy\(\{[^]*?^\}\));$/m.exec(guide) ?? [];
const copied = runInNewContext(code, { consentLinkPolicy, toolboxConsentLinks }) as ConsentLinkPolicy;
const agents = ["https://x.services.ai.azure.com", "https://x.services.ai.azure.us"].map(
  (host) =>
    foundryToolbox({
      name: "support",
      projectEndpoint: `${host}/api/projects/p`,
      environment: { hosted: true },
    }).policy,
);

function allows(policy: ConsentLinkPolicy, link: string): boolean {
  try {
    policy.check(link);
    return true;
  } catch (error) {
    if (!isHostedAgentIdentityError(error)) throw error;
    return false;
  }
}

describe("the policy that the guide for clients gives to copy", () => {
  it.each([
    // agent-framework issue 6553, and learn.microsoft.com, foundry/agents/how-to/mcp-authentication.
    ["https://logic-apis-eastus2.consent.azure-apim.net/login?data=x", true],
    ["https://logic-swedencentral-001.consent.azure-apihub.net/login?data=x", true],
    ["https://logic-apis-usgovvirginia.consent.azure-apihub.us/login?data=x", true],
    ["https://logic-apis-usgovvirginia.consent.azure-apim.us/login?data=x", true],
    ["https://attacker-made.consent.azure-apim.net/login?data=x", false],
    ["https://global.consent.azure-apim.net/redirect", false],
    ["https://logic-x.consent.azure-apihub.net/redirect", false],
    ["https://logic-x.consent.azure-apihub.net.evil.example/login", false],
    ["https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=x", false],
    ["https://evil.example/login", false],
  ])("shows what a toolbox of the agent lets through, and no more: %s %s", (link, expected) => {
    expect(allows(copied, link)).toBe(expected);
    expect(agents.some((policy) => allows(policy, link))).toBe(expected);
  });

  it("shows every kind of link that a toolbox of any cloud has, and the export lists them all", () => {
    const own = agents.flatMap(({ allowedLinks = [] }) => allowedLinks);
    expect([...toolboxConsentLinks].sort(byOrigin)).toEqual([...own].sort(byOrigin));
    expect(toolboxConsentLinks.length).toBeGreaterThan(3);
    for (const { origin, path } of toolboxConsentLinks)
      expect(allows(copied, `${origin.replace("*", "a-1")}${path}?data=x`)).toBe(true);
  });
});

function byOrigin(one: { readonly origin: string }, other: { readonly origin: string }): number {
  return one.origin.localeCompare(other.origin);
}
