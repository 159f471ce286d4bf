/** Settings that are not secret: from the option, or else from the first environment variable that is set. */
export const settings = {
  authorityHost: { option: "authority-host", variables: ["AZURE_AUTHORITY_HOST"] },
  tenantId: { option: "tenant", variables: ["AZURE_TENANT_ID"] },
  clientId: { option: "client-id", variables: ["APP_CLIENT_ID", "SERVICE_CLIENT_ID"] },
  certificate: { option: "certificate", variables: ["APP_CERTIFICATE"] },
  federatedTokenFile: { option: undefined, variables: ["AZURE_FEDERATED_TOKEN_FILE"] },
  mcpUrl: { option: "mcp-url", variables: ["MCP_URL"] },
  mcpClientId: { option: "mcp-client-id", variables: ["MCP_CLIENT_ID"] },
  scope: { option: "scope", variables: ["MCP_SCOPE"] },
  audiences: { option: "audience", variables: ["MCP_AUDIENCES"] },
  projectEndpoint: {
    option: "project-endpoint",
    variables: ["FOUNDRY_PROJECT_ENDPOINT", "AZURE_AI_PROJECT_ENDPOINT"],
  },
  toolbox: { option: "toolbox", variables: ["TOOLBOX_NAME"] },
  publicUrl: { option: "public-url", variables: ["PUBLIC_URL"] },
  signInFile: { option: "sign-in-file", variables: ["SIGN_IN_FILE"] },
} as const;

/** Secrets: from the environment or a file. */
export const secrets = {
  clientSecret: ["APP_CLIENT_SECRET", "SERVICE_CLIENT_SECRET"],
  signInKeys: ["SIGN_IN_KEYS", "SIGN_IN_KEY"],
  redisUrl: ["REDIS_URL"],
  signInDatabaseUrl: ["SIGN_IN_DATABASE_URL"],
} as const;
