import { randomUUID } from "node:crypto";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { freePort } from "../free-port.js";
import type { ProcessPlan } from "../processes.js";
import type { ElicitationBreak } from "./breaks.js";
import { startGateway, type Gateway } from "./gateway.js";
import { startTracker, type Tracker } from "./tracker.js";

/** Entra, the issue tracker, and the MCP server between the agent and the tracker. */
export interface ElicitationSetting {
  readonly entra: EntraEmulator;
  readonly tracker: Tracker;
  readonly gateway: Gateway;
  readonly clientSecret: string;
  /** Where the agent listens. */
  readonly port: number;
  close(): Promise<void>;
}

export const people = [
  { name: "Katherine Johnson", account: "kjohnson", issues: ["Check the trajectory"] },
  { name: "Dorothy Vaughan", account: "dvaughan", issues: ["Learn FORTRAN"] },
] as const;

export async function startElicitationSetting(): Promise<ElicitationSetting> {
  const port = await freePort();
  const clientSecret = randomUUID();
  const entra = await startEntra({
    apps: [
      { name: "the front end" },
      {
        name: "the agent",
        scopes: ["chat"],
        secrets: [clientSecret],
        redirectUris: [`http://127.0.0.1:${port}/sign-in/callback`],
      },
      {
        name: "the gateway",
        scopes: ["access_as_user"],
        preAuthorized: [{ client: "the agent", scopes: ["access_as_user"] }],
      },
    ],
    users: people.map(({ name }) => ({ name })),
  });
  const tracker = await startTracker(
    Object.fromEntries(people.map(({ account, issues }) => [account, issues])),
  );
  const { tenantId, clientId } = entra.app("the gateway");
  const gateway = await startGateway({
    app: { tenantId, clientId, cloud: entra.cloud },
    tracker,
    onCall(oid, outcome) {
      const name = entra.users.find((user) => user.oid === oid)?.name;
      console.log(`  [MCP server] tools/call my_issues: oid ${oid} (${name}) ${outcome}`);
    },
  });
  return {
    entra,
    tracker,
    gateway,
    clientSecret,
    port,
    async close() {
      await Promise.all([entra.close(), tracker.close(), gateway.close()]);
    },
  };
}

/** The agent, and what it is told of its surroundings. */
export function elicitationProcess(
  { entra, gateway, tracker, clientSecret, port }: ElicitationSetting,
  broken: ElicitationBreak | undefined,
): ProcessPlan {
  return {
    name: "agent",
    file: new URL("agent-process.ts", import.meta.url),
    env: {
      LOGIN_ENDPOINT: entra.origin,
      AZURE_TENANT_ID: entra.tenants[0]?.id ?? "",
      APP_CLIENT_ID: entra.app("the agent").clientId,
      APP_CLIENT_SECRET: clientSecret,
      MCP_URL: gateway.url,
      MCP_CLIENT_ID: entra.app("the gateway").clientId,
      TRACKER_URL: tracker.url,
      APP_BREAK: broken ?? "",
      PORT: String(port),
    },
  };
}
