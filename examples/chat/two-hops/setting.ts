import { randomUUID } from "node:crypto";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { freePort } from "../free-port.js";
import type { ProcessPlan } from "../processes.js";
import type { TwoHopsBreak } from "./breaks.js";
import { startMailApi, type MailApi } from "./mail-api.js";

/** Entra, and the API at the far end. */
export interface TwoHopsSetting {
  readonly entra: EntraEmulator;
  readonly api: MailApi;
  readonly secrets: { readonly agent: string; readonly mailbox: string };
  readonly ports: { readonly agent: number; readonly mailbox: number };
  close(): Promise<void>;
}

export const people = [
  { name: "Katherine Johnson", mail: ["The numbers are right."] },
  { name: "Dorothy Vaughan", mail: ["The new machine is here."] },
] as const;

export async function startTwoHopsSetting(): Promise<TwoHopsSetting> {
  const ports = { agent: await freePort(), mailbox: await freePort() };
  const secrets = { agent: randomUUID(), mailbox: randomUUID() };
  const callbackOf = (port: number): string => `http://127.0.0.1:${port}/sign-in/callback`;
  const entra = await startEntra({
    apps: [
      { name: "the front end" },
      {
        name: "the agent",
        scopes: ["chat"],
        secrets: [secrets.agent],
        redirectUris: [callbackOf(ports.agent)],
      },
      {
        name: "the mailbox server",
        scopes: ["access_as_user"],
        secrets: [secrets.mailbox],
        redirectUris: [callbackOf(ports.mailbox)],
        preAuthorized: [{ client: "the agent", scopes: ["access_as_user"] }],
      },
      // Nobody has consented to the server's use of it.
      { name: "the mail API", scopes: [{ name: "Mail.Read", description: "Read your mail as you" }] },
    ],
    users: people.map(({ name }) => ({ name })),
  });
  const { tenantId, clientId } = entra.app("the mail API");
  const nameOf = (oid: string): string | undefined => entra.users.find((user) => user.oid === oid)?.name;
  const api = await startMailApi(
    { tenantId, clientId, cloud: entra.cloud },
    (oid) => people.find(({ name }) => name === nameOf(oid))?.mail ?? [],
    ({ oid, clientId: client }) => {
      const app = entra.apps.find((one) => one.clientId === client)?.name;
      console.log(`  [mail API] GET messages: oid ${oid} (${nameOf(oid)}), azp ${client} (${app})`);
    },
  );
  return {
    entra,
    api,
    secrets,
    ports,
    async close() {
      await Promise.all([entra.close(), api.close()]);
    },
  };
}

/** The agent and the MCP server, and what each is told: neither has a secret of the other. */
export function twoHopsProcesses(
  { entra, api, secrets, ports }: TwoHopsSetting,
  broken: TwoHopsBreak | undefined,
): readonly ProcessPlan[] {
  const both = {
    LOGIN_ENDPOINT: entra.origin,
    AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
    MCP_CLIENT_ID: entra.app("the mailbox server").clientId,
  };
  return [
    {
      name: "MCP server",
      file: new URL("mcp-process.ts", import.meta.url),
      env: {
        ...both,
        MCP_CLIENT_SECRET: secrets.mailbox,
        API_URL: api.url,
        API_CLIENT_ID: entra.app("the mail API").clientId,
        APP_BREAK: broken ?? "",
        PORT: String(ports.mailbox),
      },
    },
    {
      name: "agent",
      file: new URL("agent-process.ts", import.meta.url),
      env: {
        ...both,
        APP_CLIENT_ID: entra.app("the agent").clientId,
        APP_CLIENT_SECRET: secrets.agent,
        MCP_URL: `http://127.0.0.1:${ports.mailbox}/mcp`,
        PORT: String(ports.agent),
      },
    },
  ];
}
