import { certificate } from "../../exchange/certificate.js";
import { clientSecret } from "../../exchange/client-secret.js";
import type { ClientCredential } from "../../exchange/credential.js";
import { entraApp, type EntraApp } from "../../exchange/entra-app.js";
import { workloadIdentityFile } from "../../exchange/federated-credential.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { protectedResource, type ProtectedResource } from "../../sources/protected-resource.js";
import { failure, type Finding } from "../finding.js";
import { audiencesOfResource, cloudOf, scopeOfResource, type Settings } from "../read-settings.js";

/** What the configuration yields, as far as it is complete and well-formed. */
export interface CheckedEnvironment {
  readonly findings: readonly Finding[];
  readonly app: EntraApp | undefined;
  readonly resource: ProtectedResource | undefined;
}

/** Reads the configuration as an agent would. Sends no request. */
export function checkEnvironment(
  settings: Settings,
  env: Readonly<Record<string, string | undefined>>,
): CheckedEnvironment {
  const findings: Finding[] = [runtime(settings, env)];
  const made = <T>(check: string, make: () => T | Finding): T | undefined => {
    try {
      const value = make();
      if (typeof value !== "object" || value === null || !("check" in value)) return value;
      findings.push(value as Finding);
    } catch (error) {
      findings.push(failure(check, error));
    }
    return undefined;
  };
  const app = made<EntraApp>("app", () => appOf(settings));
  const resource = made<ProtectedResource>("resource", () => resourceOf(settings));
  return { findings, app, resource };
}

function runtime({ origins }: Settings, env: Readonly<Record<string, string | undefined>>): Finding {
  const { hosted, agentName } = foundryEnvironment(env);
  const where = hosted
    ? `in the hosted sandbox of ${JSON.stringify(agentName ?? "an agent")}`
    : "outside Foundry";
  const given = Object.values(origins);
  return given.length === 0
    ? {
        check: "environment",
        status: "fail",
        detail: `Node ${process.versions.node}, ${where}. Nothing is configured.`,
        fix: "Set the environment variables of your agent; hosted-agent-identity doctor --help lists them.",
      }
    : {
        check: "environment",
        status: "ok",
        detail: `Node ${process.versions.node}, ${where}; set: ${given.join(", ")}.`,
      };
}

/** A toolbox alone needs no app. */
function appOf(settings: Settings): EntraApp | Finding {
  const { tenantId, clientId, toolbox, projectEndpoint } = settings;
  const missing = [
    ...(tenantId === undefined ? ["AZURE_TENANT_ID"] : []),
    ...(clientId === undefined ? ["APP_CLIENT_ID"] : []),
  ];
  if (tenantId === undefined || clientId === undefined)
    return clientId === undefined && (toolbox !== undefined || projectEndpoint !== undefined)
      ? { check: "app", status: "skip", detail: "no app is configured; a toolbox needs none." }
      : {
          check: "app",
          status: "fail",
          detail: `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} not set.`,
          fix: `Set ${missing.join(" and ")} to the ${missing.length === 1 ? "GUID" : "GUIDs"} that the app registration shows.`,
        };
  return entraApp({
    tenantId,
    clientId,
    credential: credentialOf(settings) ?? noCredential,
    cloud: cloudOf(settings),
    timeoutMs: settings.timeoutMs,
  });
}

/** Marks an app that can verify tokens but not request any. */
export const noCredential: ClientCredential = Object.freeze({
  kind: "client_secret" as const,
  authenticate: () => Promise.reject(new Error("no credential")),
});

export function credentialOf({
  clientSecret: secret,
  certificate: path,
  federatedTokenFile,
}: Settings): ClientCredential | undefined {
  if (secret !== undefined) return clientSecret(secret);
  if (path !== undefined) return certificate({ path });
  return federatedTokenFile === undefined ? undefined : workloadIdentityFile(federatedTokenFile);
}

function resourceOf(settings: Settings): ProtectedResource | Finding {
  const { mcpUrl, mcpClientId, scope, audiences, toolbox, projectEndpoint } = settings;
  const full = scopeOfResource(settings);
  if (mcpUrl !== undefined && full !== undefined && audiencesOfResource(settings).length > 0)
    return protectedResource({
      url: mcpUrl,
      serverLabel: "mcp",
      scopes: [full],
      audiences: audiencesOfResource(settings),
    });
  if (
    [mcpUrl, mcpClientId, scope, audiences].every((one) => one === undefined) &&
    (toolbox ?? projectEndpoint) !== undefined
  )
    return { check: "resource", status: "skip", detail: "no MCP server is configured." };
  const missing = mcpUrl === undefined ? "MCP_URL" : "MCP_CLIENT_ID";
  return {
    check: "resource",
    status: "fail",
    detail: `${missing} is not set.`,
    fix: `Set ${missing} (${missing === "MCP_URL" ? "the MCP endpoint" : "the client id of the MCP server's app registration"}).`,
  };
}
