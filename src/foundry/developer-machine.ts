/** What a developer sets on the own machine to be the user there. Never in an image or a deployment. */
export const developerVariable = "HOSTED_AGENT_IDENTITY_DEVELOPER";

/** A host that says by its environment what it is. */
export interface KnownHost {
  readonly host: string;
  readonly variable: string;
  /** The page that documents the variable. */
  readonly source: string;
}

const functions = "learn.microsoft.com/azure/app-service/reference-app-settings";
const containerApps = "learn.microsoft.com/azure/container-apps/environment-variables";

/**
 * Where nobody sits who could be the user. The list is a second guard and cannot be complete: the first is that nothing
 * works without {@link developerVariable}.
 */
export const knownHosts: readonly KnownHost[] = [
  {
    host: "a hosted agent of Foundry",
    variable: "FOUNDRY_HOSTING_ENVIRONMENT",
    source: "learn.microsoft.com/azure/foundry/agents/concepts/hosted-agent-contract",
  },
  { host: "App Service or Functions", variable: "WEBSITE_INSTANCE_ID", source: functions },
  { host: "App Service or Functions", variable: "WEBSITE_SITE_NAME", source: functions },
  { host: "Container Apps", variable: "CONTAINER_APP_NAME", source: containerApps },
  { host: "a Container Apps job", variable: "CONTAINER_APP_JOB_NAME", source: containerApps },
  {
    host: "a host with a managed identity",
    variable: "IDENTITY_ENDPOINT",
    source: "learn.microsoft.com/azure/app-service/overview-managed-identity",
  },
  {
    host: "AKS or any Kubernetes",
    variable: "KUBERNETES_SERVICE_HOST",
    source: "kubernetes.io/docs/tasks/run-application/access-api-from-pod",
  },
  {
    host: "a pod with workload identity",
    variable: "AZURE_FEDERATED_TOKEN_FILE",
    source: "learn.microsoft.com/azure/aks/workload-identity-overview",
  },
  {
    host: "Lambda",
    variable: "AWS_LAMBDA_FUNCTION_NAME",
    source: "docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html",
  },
  {
    host: "ECS or Fargate",
    variable: "ECS_CONTAINER_METADATA_URI_V4",
    source: "docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html",
  },
  { host: "Cloud Run", variable: "K_SERVICE", source: "cloud.google.com/run/docs/container-contract" },
  {
    host: "a Cloud Run job",
    variable: "CLOUD_RUN_JOB",
    source: "cloud.google.com/run/docs/container-contract",
  },
  { host: "Heroku", variable: "DYNO", source: "devcenter.heroku.com/articles/dynos" },
  { host: "Fly.io", variable: "FLY_APP_NAME", source: "fly.io/docs/machines/runtime-environment" },
  { host: "Render", variable: "RENDER", source: "render.com/docs/environment-variables" },
];

/** Why the developer is not the user here. */
export interface DeveloperRefusal {
  readonly reason: "hosted" | "not_opted_in";
  readonly detail: string;
}

/**
 * Why the developer is not the user in a process with this environment; `undefined` where they are: they have said so,
 * and nothing says that this is a host. A request without a user token would else be sent as whoever the credential is.
 */
export function developerRefusal(
  env: Readonly<Record<string, string | undefined>>,
): DeveloperRefusal | undefined {
  const known = knownHosts.find(({ variable }) => (env[variable] ?? "") !== "");
  if (known !== undefined)
    return hosted(`${known.variable} is set, so this is ${known.host}: nobody here is the developer.`);
  if (env["NODE_ENV"]?.trim().toLowerCase() === "production")
    return hosted("NODE_ENV is production: nobody here is the developer.");
  if (/^(?:1|true)$/i.test(env[developerVariable]?.trim() ?? "")) return undefined;
  return {
    reason: "not_opted_in",
    detail: `set ${developerVariable}=1 on your own machine to be the user there; never in an image or a deployment.`,
  };
}

function hosted(detail: string): DeveloperRefusal {
  return { reason: "hosted", detail };
}
