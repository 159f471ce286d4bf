/** What differs between the clouds in which Foundry runs. */
export interface ToolboxCloud {
  /** What the agent's own token is asked for. */
  readonly scope: string;
  /** Where Foundry's consent links lead: the broker of its connections, or the login host. */
  readonly consentOrigins: readonly string[];
}

/**
 * By the end of the project endpoint's host. Source for the scopes: learn.microsoft.com, foundry/agents,
 * how-to/tools/use-toolbox-hosted-agent and concepts/azure-government. For the links: the platform's own
 * samples (`consent.azure-apihub.net`), agent-framework issue 6553 (`consent.azure-apim.net`), and
 * learn.microsoft.com, azure/backup/backup-reports-email (`consent.azure-apihub.us`).
 */
const clouds: readonly (ToolboxCloud & { readonly hostSuffix: string })[] = [
  {
    hostSuffix: ".azure.us",
    scope: "https://ai.azure.us/.default",
    consentOrigins: [
      "https://*.consent.azure-apihub.us",
      "https://*.consent.azure-apim.us",
      "https://login.microsoftonline.us",
    ],
  },
  {
    hostSuffix: "",
    scope: "https://ai.azure.com/.default",
    consentOrigins: [
      "https://*.consent.azure-apihub.net",
      "https://*.consent.azure-apim.net",
      "https://login.microsoftonline.com",
    ],
  },
];

/** The cloud of a project endpoint; the global one for a host that is not known. */
export function toolboxCloud(hostname: string): ToolboxCloud {
  return clouds.find(({ hostSuffix }) => hostname.endsWith(hostSuffix)) as ToolboxCloud;
}
