import type { ProcessPlan } from "../processes.js";
import { scope, type Setting, type Shape } from "./setting.js";

export type ShapeName = "one-process" | "redis" | "cluster" | "remote";

export const shapes: Readonly<Record<ShapeName, Shape>> = {
  "one-process": {
    what: "One process: the agent serves the pages, and keeps the grants itself.",
    store: "file",
    pages: "the agent",
    processes: (setting) => [
      agent(setting, "one-process", {
        ...appSecret(setting),
        PUBLIC_URL: setting.publicUrl,
        ...(setting.storeFile === undefined
          ? { REDIS_URL: setting.redis?.url ?? "" }
          : { SIGN_IN_FILE: setting.storeFile }),
      }),
    ],
  },
  redis: twoProcesses(
    "redis",
    "Two processes on one Redis: the agent keeps grants, the other one serves the pages.",
  ),
  cluster: twoProcesses("cluster", "The same two processes on a Redis Cluster of three."),
  remote: {
    what: "Two processes: the sign-in service alone keeps grants, keys and the secret; the agent asks it.",
    store: "redis",
    pages: "own process",
    processes: (setting) => [
      agent(setting, "remote", {
        ...setting.entra.managedIdentity.env,
        SIGN_IN_URL: setting.publicUrl,
        SIGN_IN_SCOPE: `api://${setting.entra.app("the sign-in app").clientId}/.default`,
      }),
      {
        name: "sign-in service",
        file: new URL("../../sign-in-service/main.ts", import.meta.url),
        env: {
          ...servicePart(setting),
          CALLER_NAME: agentName,
          CALLER_CLIENT_IDS: setting.entra.managedIdentity.identities[0]?.clientId ?? "",
          CALLER_PROJECT: "https://foundry.example.com/projects/demo",
        },
      },
    ],
  },
};

const agentName = "Contacts assistant";

/** The agent keeps grants in Redis; the other process serves the pages, and knows it by its key. */
function twoProcesses(store: "redis" | "cluster", what: string): Shape {
  return {
    what,
    store,
    pages: "own process",
    processes: (setting) => [
      agent(setting, store, {
        ...appSecret(setting),
        ...redisPart(setting),
        PUBLIC_URL: setting.publicUrl,
        APP_SIGNING_KEY: setting.signing.privateKey,
      }),
      {
        name: "pages",
        file: new URL("../../sign-in-service/pages.ts", import.meta.url),
        env: {
          ...servicePart(setting),
          AGENTS: JSON.stringify({
            [agentName]: { publicKeys: [setting.signing.publicKey], scopes: [fullScope(setting)] },
          }),
        },
      },
    ],
  };
}

function redisPart({ redis }: Setting): ProcessPlan["env"] {
  return { REDIS_URL: redis?.url ?? "", REDIS_CLUSTER: String(redis?.isCluster ?? false) };
}

function agent(setting: Setting, shape: ShapeName, env: ProcessPlan["env"]): ProcessPlan {
  return {
    name: "agent",
    file: new URL("agent-process.ts", import.meta.url),
    env: {
      ...common(setting),
      LOGIN_ENDPOINT: setting.entra.origin,
      SHAPE: shape,
      PORT: String(setting.ports.agent),
      SIGN_IN_CLIENT_ID: setting.entra.app("the sign-in app").clientId,
      APP_NAME: agentName,
      ...env,
    },
  };
}

/** For an agent that signs people in and refreshes their grants itself. */
function appSecret({ clientSecret, sealingKey }: Setting): ProcessPlan["env"] {
  return { SIGN_IN_CLIENT_SECRET: clientSecret, SIGN_IN_KEYS: sealingKey };
}

/** What examples/sign-in-service needs. */
function servicePart(setting: Setting): ProcessPlan["env"] {
  return {
    ...common(setting),
    AZURE_AUTHORITY_HOST: setting.entra.origin,
    SERVICE_CLIENT_ID: setting.entra.app("the sign-in app").clientId,
    SERVICE_CLIENT_SECRET: setting.clientSecret,
    PUBLIC_URL: setting.publicUrl,
    PORT: String(setting.ports.pages),
    SIGN_IN_KEYS: setting.sealingKey,
    ...redisPart(setting),
  };
}

function common({ entra, contacts }: Setting): ProcessPlan["env"] {
  return {
    AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
    MCP_URL: contacts.url,
    MCP_CLIENT_ID: entra.app("the contacts app").clientId,
  };
}

function fullScope({ entra }: Setting): string {
  return `api://${entra.app("the contacts app").clientId}/${scope}`;
}
