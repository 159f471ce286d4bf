/**
 * `npm run demo -- --once --no-user-token`: a person whose requests bring no token at all, as from the Foundry
 * portal: only the platform's user id. The call is refused with a consent item, the person signs in, types the
 * code of the page into the chat, confirms the account, and the first question is answered as that person.
 * Somebody else who types the same code gets nothing. Then every process is stopped and started again.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  mcpClientPool,
  protectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext, webHandler } from "hosted-agent-identity/express";
import { createSignIn, fileStore } from "hosted-agent-identity/sign-in";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { startContactsServer, type ContactsServer } from "./mcp-server.js";
import { answer } from "./script.js";
import { createVisitor, formsOf } from "./visitor.js";

const secret = randomUUID();
const scope = "Contacts.Access";

interface Setting {
  readonly entra: EntraEmulator;
  readonly contacts: ContactsServer;
  readonly port: number;
  readonly storePath: string;
  readonly encryptionKey: Uint8Array;
}

/** Returns whether everything was seen as the person it was made for. */
export async function onceWithoutUserToken(): Promise<boolean> {
  const checks: [boolean, string][] = [];
  const check = (good: boolean, what: string): void => void checks.push([good, what]);
  const setting = await startSetting();
  const { entra, contacts } = setting;
  const { oid, name } = entra.user("Katherine Johnson");
  let agent = await startAgent(setting);
  try {
    console.log("\nSomebody asks, and the request says only which platform user it is.");
    const asked = await ask(agent.url, "user-k", "Who am I?");
    const link = asked.link;
    check(asked.status === "incomplete" && link !== undefined, "the call is refused with a consent item");
    check(contacts.verified.length === 0, "the MCP server saw nobody");

    console.log("The person opens the link, signs in, and reads the code of the page.");
    const code = link === undefined ? "" : await signInAndReadCode(link, name);
    check(code.replace(/[^A-Z2-7]/g, "").length >= 8, "the page shows a code of at least eight characters");

    const thief = await ask(agent.url, "user-x", code);
    console.log(`  [somebody else, same code] is told: ${JSON.stringify(thief.text)}`);
    check(
      !thief.text.includes(name) && contacts.verified.length === 0,
      "the code is worth nothing to somebody else",
    );

    const confirm = await ask(agent.url, "user-k", code);
    console.log(`  [the person, the code] is told: ${JSON.stringify(confirm.text)}`);
    check(contacts.verified.length === 0, "nothing is connected before the yes");

    const answered = await ask(agent.url, "user-k", "yes");
    console.log(`  [the person, yes] is told: ${JSON.stringify(answered.text)}`);
    check(answered.text.includes(oid), "the first question is answered without asking it again");
    check(lastSeen(contacts) === oid, `the MCP server saw ${name}, ${oid}`);

    const other = await ask(agent.url, "user-x", "Who am I?");
    check(other.status === "incomplete" && !other.text.includes(oid), "somebody else is asked to sign in");

    console.log("All processes of ours stop, and start again.");
    await agent.close();
    agent = await startAgent(setting);
    const before = contacts.verified.length;
    const again = await ask(agent.url, "user-k", "Show my contacts");
    console.log(`  [the person, later] is told: ${JSON.stringify(again.text)}`);
    check(
      again.status === "completed" && contacts.verified.length > before,
      "nobody signs in again after a restart",
    );
    check(lastSeen(contacts) === oid, `the MCP server still sees ${name}`);
  } finally {
    await agent.close();
    await Promise.all([
      entra.close(),
      contacts.close(),
      rm(setting.storePath, { recursive: true, force: true }),
    ]);
  }
  console.log("");
  for (const [good, what] of checks) console.log(`${good ? "ok    " : "FAILED"} ${what}`);
  return checks.every(([good]) => good);
}

async function startSetting(): Promise<Setting> {
  const port = await freePort();
  const entra = await startEntra({
    apps: [
      {
        name: "the agent app",
        secrets: [secret],
        redirectUris: [`http://127.0.0.1:${port}/sign-in/callback`],
      },
      { name: "the contacts app", scopes: [scope] },
    ],
    users: [{ name: "Katherine Johnson" }, { name: "Dorothy Vaughan" }],
  });
  const contacts = await startContactsServer({
    loginEndpoint: entra.cloud.loginEndpoint,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("the contacts app").clientId,
    scope,
    people: entra.users.map(({ oid }) => ({ oid, role: "reader", contacts: ["Mary Jackson"] })),
  });
  const storePath = await mkdtemp(join(tmpdir(), "sign-ins-"));
  return { entra, contacts, port, storePath, encryptionKey: randomBytes(32) };
}

/** The agent, with its sign-in pages in the same process. */
async function startAgent(setting: Setting): Promise<{ url: string; close(): Promise<void> }> {
  const { entra, contacts, port, storePath, encryptionKey } = setting;
  const url = `http://127.0.0.1:${port}`;
  const app = entraApp({
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("the agent app").clientId,
    credential: clientSecret(secret),
    cloud: entra.cloud,
  });
  const { clientId } = entra.app("the contacts app");
  const server = protectedResource({
    url: contacts.url,
    serverLabel: "contacts",
    scopes: [`api://${clientId}/${scope}`],
    audiences: [clientId],
  });
  const signIn = createSignIn({
    app,
    agentName: "Contacts assistant",
    publicUrl: `${url}/sign-in`,
    resources: [server],
    store: fileStore({ path: join(storePath, "sign-ins") }),
    encryptionKeys: [encryptionKey],
  });
  const access = userAccess(server, [signIn.tokens()]);
  const clients = mcpClientPool({
    async open({ principalKey }) {
      const client = new Client(
        { name: "contacts-assistant", version: "1.0.0" },
        { cachePartition: principalKey },
      );
      await client.connect(new StreamableHTTPClientTransport(access.url, { fetch: access.fetch }));
      return client;
    },
    close: closeMcpClient,
  });
  // What the platform's gateway does: it is the one way in, and it says who is asking. Each id is one person.
  const environment = {
    hosted: true,
    projectEndpoint: "https://foundry.example.com/projects/demo",
    agentName: "contacts",
  };
  const verify = userTokenVerifier({ app });
  const host = express();
  host.use("/sign-in", webHandler(signIn.handler));
  host.post(
    "/responses",
    userContext({ verify, platformUserId: "one-person", environment }),
    responses(async function* ({ context, input }) {
      const redeemed = await signIn.redeem(context, input);
      if (redeemed.status !== "not_a_code") yield `${redeemed.say}\n\n`;
      const prompt =
        redeemed.status === "not_a_code" ? input : redeemed.status === "bound" ? redeemed.prompt : undefined;
      if (prompt === undefined) return;
      await signIn.keepPrompt(context, prompt);
      yield* answer(prompt, (name, args) =>
        clients.use((client) => client.callTool({ name, arguments: args })),
      );
    }),
  );
  const listening = await new Promise<Server>((resolve) => {
    const started = host.listen(port, "127.0.0.1", () => resolve(started));
  });
  return {
    url,
    async close() {
      listening.closeAllConnections();
      await new Promise<void>((done) => listening.close(() => done()));
      await Promise.all([clients.close(), access.close(), signIn.close(), app.close()]);
    },
  };
}

interface Told {
  readonly status: string;
  readonly text: string;
  readonly link: string | undefined;
}

async function ask(url: string, platformUser: string, input: string): Promise<Told> {
  const headers = {
    "content-type": "application/json",
    "x-agent-user-id": platformUser,
    "x-agent-foundry-call-id": randomUUID(),
  };
  const response = await fetch(`${url}/responses`, {
    method: "POST",
    headers,
    body: JSON.stringify({ input }),
  });
  const { status, output = [] } = (await response.json()) as {
    status: string;
    output?: { type: string; consent_link?: string; content?: { text?: string }[] }[];
  };
  const text = output
    .flatMap(({ content = [] }) => content.map((part) => part.text ?? ""))
    .join("")
    .trim();
  return { status, text, link: output.find(({ type }) => type === "oauth_consent_request")?.consent_link };
}

/** What the person does in a browser: continue, pick the account, consent, and read the code. */
async function signInAndReadCode(link: string, name: string): Promise<string> {
  const visitor = createVisitor();
  let page = await visitor.visit(link);
  for (let steps = 0; steps < 6; steps += 1) {
    const code = /<output[^>]*>([^<]+)<\/output>/.exec(page.html)?.[1]?.trim();
    if (code !== undefined) return code;
    const choices = formsOf(page.html).flatMap((form) => form.buttons.map((button) => ({ form, button })));
    const wanted =
      choices.find(({ button }) => button.text.includes(name)) ??
      choices.find(({ button }) => /continue|accept/i.test(button.text));
    if (wanted === undefined) break;
    const { form, button } = wanted;
    page = await visitor.submit(page, form, button.name === "" ? {} : { [button.name]: button.value });
  }
  throw new Error(`There is no code on the page ${page.url.pathname} (HTTP ${page.status}).`);
}

function lastSeen(contacts: ContactsServer): string | undefined {
  return contacts.verified.at(-1)?.oid;
}

async function freePort(): Promise<number> {
  const { createServer } = await import("node:net");
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return port;
}
