import type { EntraAppOptions } from "./options.js";

/** Microsoft Graph: where bare scopes belong, and what a token without a resource is for. */
export const graphId = "00000003-0000-0000-c000-000000000000";
/** The resource of federated credentials' tokens: what `api://AzureADTokenExchange` resolves to. */
export const tokenExchangeId = "fb60f99c-7a34-4190-8149-302f77469936";
/** By cloud. Source: workload-identity-federation-config-app-trust-managed-identity. */
export const tokenExchangeAudiences = {
  global: "api://AzureADTokenExchange",
  us_gov: "api://AzureADTokenExchangeUSGov",
  china: "api://AzureADTokenExchangeChina",
} as const;

/**
 * Foundry's data plane. Its service principal is still named after what it grew out of.
 * Source: the resource application id that public deployment scripts require for `https://ai.azure.com`.
 */
const foundryAudience = "https://ai.azure.com";
const foundryId = "18a66f5f-dbdf-4c17-9dd7-1634712a9cbe";

/** Installed in every tenant. */
export const microsoftApps = (exchangeAudience: string): readonly EntraAppOptions[] => [
  {
    name: "Azure Machine Learning Services",
    clientId: foundryId,
    identifierUris: [foundryAudience, "https://ml.azure.com"],
    scopes: ["user_impersonation"],
    accessTokenVersion: 1,
  },
  {
    name: "Microsoft Graph",
    clientId: graphId,
    identifierUris: ["https://graph.microsoft.com"],
    scopes: ["User.Read", "openid", "profile", "email", "offline_access"],
    accessTokenVersion: 1,
  },
  {
    name: "AAD Token Exchange Endpoint",
    clientId: tokenExchangeId,
    identifierUris: [exchangeAudience],
    accessTokenVersion: 2,
  },
];
