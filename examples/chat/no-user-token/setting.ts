/** Everything around our processes: Entra, the MCP server, Redis, and what an administrator has set up. */
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { startContactsServer, type ContactsServer, type VerifiedCall } from "../mcp-server.js";
import { freePort } from "../free-port.js";
import type { ProcessPlan } from "../processes.js";
import { startRedis, type DemoRedis } from "./redis.js";
import { temporaryFolder } from "./temporary-folder.js";

/** A way to run sign-in: which processes there are, and what each of them is given. */
export interface Shape {
  readonly what: string;
  /** `file` is Redis where Node has no SQLite: before 22.13. */
  readonly store: "file" | "redis" | "cluster";
  /** Who serves the pages. */
  readonly pages: "the agent" | "own process";
  processes(setting: Setting): readonly ProcessPlan[];
}

export interface Setting {
  readonly entra: EntraEmulator;
  readonly contacts: ContactsServer;
  readonly redis: DemoRedis | undefined;
  /** Where the agent and the pages listen; the same where they are one process. */
  readonly ports: { readonly agent: number; readonly pages: number };
  readonly agentUrl: string;
  /** Where people reach the pages. */
  readonly publicUrl: string;
  /** Of the app registration that signs people in. */
  readonly clientSecret: string;
  /** What seals grants, and what the agent signs its links with. */
  readonly sealingKey: string;
  readonly signing: { readonly privateKey: string; readonly publicKey: string };
  /** Of a shape that keeps grants in a file, where Node has SQLite. */
  readonly storeFile: string | undefined;
  close(): Promise<void>;
}

export const scope = "access_as_user";

export async function startSetting(
  shape: Pick<Shape, "store" | "pages">,
  onVerified?: (call: VerifiedCall) => void,
): Promise<Setting> {
  const agent = await freePort();
  const ports = { agent, pages: shape.pages === "own process" ? await freePort() : agent };
  const agentUrl = `http://127.0.0.1:${agent}`;
  const publicUrl = shape.pages === "own process" ? `http://127.0.0.1:${ports.pages}` : `${agentUrl}/sign-in`;
  const inFile = shape.store === "file" && process.getBuiltinModule("node:sqlite") !== undefined;
  const redis = inFile ? undefined : await startRedis(shape.store === "cluster" ? 3 : 1);
  const clientSecret = randomUUID();
  const entra = await startEntra({
    apps: [
      {
        name: "the sign-in app",
        scopes: ["chat"],
        secrets: [clientSecret],
        redirectUris: [`${publicUrl}/callback`],
      },
      { name: "the contacts app", scopes: [scope] },
    ],
    users: [{ name: "Katherine Johnson" }, { name: "Dorothy Vaughan" }],
    managedIdentities: [{ name: "the agent" }],
  });
  const contacts = await startContactsServer({
    loginEndpoint: entra.cloud.loginEndpoint,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("the contacts app").clientId,
    scope,
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: ["Mary Jackson"] })),
    ...(onVerified === undefined ? {} : { onVerified }),
  });
  const folder = temporaryFolder("sign-ins-");
  return {
    entra,
    contacts,
    redis,
    ports,
    agentUrl,
    publicUrl,
    clientSecret,
    sealingKey: randomBytes(32).toString("base64"),
    signing: newSigningKey(),
    storeFile: inFile ? join(folder.path, "sign-ins.db") : undefined,
    async close() {
      await Promise.all([entra.close(), contacts.close(), redis?.close()]);
      folder.remove();
    },
  };
}

/** `openssl genpkey -algorithm ed25519` */
function newSigningKey(): Setting["signing"] {
  return generateKeyPairSync("ed25519", {
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}
