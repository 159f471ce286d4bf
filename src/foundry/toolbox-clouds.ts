/** Links of Foundry's own: hosts, of which a star stands for a part, and the page that asks for consent. */
export interface ToolboxConsentLink {
  readonly origin: string;
  readonly path: string;
}

/** What differs between the clouds in which Foundry runs. */
export interface ToolboxCloud {
  /** What the agent's own token is asked for. */
  readonly scope: string;
  /** Where Foundry's consent links lead: the page of the broker of its connections, and nowhere else at its hosts. */
  readonly consentLinks: readonly ToolboxConsentLink[];
  /** Where people sign in to Entra. Anybody's app has its consent screen there. */
  readonly loginEndpoint: string;
}

/**
 * By the end of the project endpoint's host. Source for the scopes: learn.microsoft.com, foundry/agents,
 * how-to/tools/use-toolbox-hosted-agent and concepts/azure-government. For the hosts: the platform's own samples
 * (`logic-swedencentral-001.consent.azure-apihub.net`), agent-framework issue 6553
 * (`logic-apis-eastus2.consent.azure-apim.net`), and learn.microsoft.com, azure/backup/backup-reports-email
 * (`logic-apis-<location>.consent.azure-apihub.us`). For `/login`: learn.microsoft.com, foundry/agents,
 * how-to/mcp-authentication, and the answers of `listConsentLinks` in the tests of Azure PowerShell. At Azure
 * Government's hosts the path is taken to be the same: docs/live-tenant.md.
 */
const clouds: readonly (ToolboxCloud & { readonly hostSuffix: string })[] = [
  {
    hostSuffix: ".azure.us",
    scope: "https://ai.azure.us/.default",
    consentLinks: [
      { origin: "https://logic-*.consent.azure-apihub.us", path: "/login" },
      { origin: "https://logic-*.consent.azure-apim.us", path: "/login" },
    ],
    loginEndpoint: "https://login.microsoftonline.us",
  },
  {
    hostSuffix: "",
    scope: "https://ai.azure.com/.default",
    consentLinks: [
      { origin: "https://logic-*.consent.azure-apihub.net", path: "/login" },
      { origin: "https://logic-*.consent.azure-apim.net", path: "/login" },
    ],
    loginEndpoint: "https://login.microsoftonline.com",
  },
];

/** The cloud of a project endpoint; the global one for a host that is not known. */
export function toolboxCloud(hostname: string): ToolboxCloud {
  return clouds.find(({ hostSuffix }) => hostname.endsWith(hostSuffix)) as ToolboxCloud;
}

/**
 * The consent links of Foundry's toolboxes in every cloud, for `allowedLinks` of a client's policy: what
 * `foundryToolbox()` allows by itself.
 *
 * Entry point: `hosted-agent-identity/consent`, which loads in browsers.
 *
 * @example
 * ```ts
 * import { consentLinkPolicy, toolboxConsentLinks } from "hosted-agent-identity/consent";
 *
 * export const policy = consentLinkPolicy({
 *   allowedOrigins: ["https://sign-in.example.com"],
 *   allowedLinks: toolboxConsentLinks,
 * });
 * ```
 * @group Consent
 */
export const toolboxConsentLinks: readonly ToolboxConsentLink[] = /* @__PURE__ */ clouds.flatMap(
  ({ consentLinks }) => consentLinks,
);
