import { protectedResource, type Cloud, type ProtectedResource } from "hosted-agent-identity";

/** A variable that a process cannot do without. */
export function env(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`The environment variable ${name} is not set.`);
  return value;
}

/**
 * Where Entra is. Not AZURE_AUTHORITY_HOST: `@azure/identity` reads it too, and takes no Entra on loopback.
 */
export function cloud(): Cloud {
  return { loginEndpoint: env("LOGIN_ENDPOINT") };
}

/** The MCP server, as every process describes it. */
export function contactsResource(): ProtectedResource {
  const clientId = env("MCP_CLIENT_ID");
  return protectedResource({
    url: env("MCP_URL"),
    serverLabel: "contacts",
    scopes: [`api://${clientId}/access_as_user`],
    audiences: [clientId],
  });
}
