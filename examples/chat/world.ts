/** Starts everything the demo needs, on loopback: Entra, the MCP server, the agent, and the back end. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import { startEntra, type EntraEmulator, type EntraRequest } from "hosted-agent-identity/testing";
import type { SignedIn } from "../backend/sign-in.js";
import { startAgent, type AgentOptions } from "./agent.js";
import { demoBackEnd } from "./backend.js";
import { sharingTheFirstToken, type Break } from "./breaks.js";
import { createHopLog, type HopLog } from "./hops.js";
import { loopbackMsal } from "./loopback-msal.js";
import { startContactsServer, type VerifiedCall } from "./mcp-server.js";
import { gatewayHeaders, isVisitor } from "./portal.js";
import { watchAgent, watchEntra, watchMcp } from "./watch.js";

export interface WorldOptions {
  /** The port of the page; 0 takes any free one, and so does a taken one. */
  readonly port: number;
  readonly broken?: Break | undefined;
}

export interface World {
  readonly entra: EntraEmulator;
  /** Where the page is. */
  readonly origin: string;
  readonly accounts: readonly Account[];
  readonly hops: HopLog;
  /** What the MCP server saw in the tokens it verified, in its own words. */
  readonly verified: readonly VerifiedCall[];
  /** The agent's address: it takes no one without a person's token. */
  readonly agentUrl: string;
  /** Who comes as from the portal in the demo: has an account, and no token goes along. */
  readonly portalPerson: Account;
  /** Turns a client id or app-ID URI into the app's name. */
  label(audience: string): string;
  close(): Promise<void>;
}

export interface Account {
  readonly name: string;
  readonly username: string;
  readonly oid: string;
  /** Somebody only this account knows. */
  readonly contacts: readonly string[];
  readonly role: "editor" | "reader";
}

const people = [
  { name: "Ada Lovelace", role: "editor", contacts: ["Charles Babbage", "Mary Somerville"] },
  { name: "Grace Hopper", role: "reader", contacts: ["Howard Aiken", "Jean Sammet"] },
] as const;

const visitor = {
  name: "Katherine Johnson",
  role: "reader",
  contacts: ["Dorothy Vaughan", "Mary Jackson"],
} as const;

const scope = "Contacts.Access";

export async function startWorld({ port, broken }: WorldOptions): Promise<World> {
  const server = await listen(port).catch(() => listen(0));
  const origin = `http://localhost:${portOf(server)}`;
  const secrets = { agent: randomSecret(), chat: randomSecret() };
  // The address of its pages is registered with Entra before the agent starts.
  const portalServer = await listen(0);
  const pages = `http://localhost:${portOf(portalServer)}/sign-in`;

  const agentAccess = { client: "chat", scopes: ["access_as_user"] };
  const contactsAccess = { client: "agent", scopes: [scope] };
  const hops = createHopLog();
  const entra = await startEntra({
    log: (entry) => browserHop(hops, entry),
    tenants: [{ name: "Contoso" }],
    users: [...people, visitor].map(({ name }) => ({ name })),
    apps: [
      { name: "chat", secrets: [secrets.chat], redirectUris: [`${origin}/auth/callback`] },
      {
        name: "agent",
        scopes: [{ name: "access_as_user", description: "Talk to the agent as you" }],
        secrets: [secrets.agent],
        redirectUris: [`${origin}/consent`, `${pages}/callback`],
        preAuthorized: [agentAccess],
      },
      {
        name: "contacts",
        scopes: [{ name: scope, description: "Use your contacts as you" }],
        ...(broken === "skip-consent" ? { preAuthorized: [contactsAccess] } : {}),
      },
    ],
  });
  const [tenantId = ""] = entra.tenants.map(({ id }) => id);
  const [chat, agentApp, contactsApp] = ["chat", "agent", "contacts"].map((name) => entra.app(name).clientId);
  const accountOf = (person: (typeof people)[number] | typeof visitor): Account => {
    const { upn, oid } = entra.user(person.name);
    return { ...person, username: upn, oid };
  };
  const accounts = people.map(accountOf);
  const portalPerson = accountOf(visitor);

  const contacts = await startContactsServer({
    loginEndpoint: entra.origin,
    tenantId,
    clientId: contactsApp ?? "",
    scope,
    people: [...accounts, portalPerson],
    onVerified({ oid, name, aud, call }) {
      const subject = { oid, ...(name === undefined ? {} : { name }) };
      hops
        .start({ from: "MCP server", what: `verified the token of ${call}`, audience: aud, subject })
        .end("accepted");
    },
  });
  const agentOptions: AgentOptions = {
    port: 0,
    tenantId,
    clientId: agentApp ?? "",
    clientSecret: secrets.agent,
    cloud: entra.cloud,
    contacts: { url: contacts.url, clientId: contactsApp ?? "", scope },
    consentRedirectUri: `${origin}/consent`,
    entraFetch: watchEntra(hops, "agent"),
    mcpFetch: (access) => watchMcp(hops, access, broken === "shared-token" ? sharingTheFirstToken() : fetch),
  };
  const agent = await startAgent(agentOptions);
  // The same agent as it runs where no caller can add a token.
  const portalAgent = await startAgent({
    ...agentOptions,
    server: portalServer,
    signIn: {
      publicUrl: pages,
      onSignedIn({ principal, account }) {
        if (principal.kind === "platform") hops.join(principal.id, account.oid);
      },
    },
  });

  const seen = new Map<string, SignedIn>();
  const clientId = chat ?? "";
  const backEndFetch = watchEntra(hops, "back end");
  const backEnd = demoBackEnd({
    ...loopbackMsal({
      origin: entra.origin,
      tenantId,
      clientId,
      clientSecret: secrets.chat,
      fetch: backEndFetch,
    }),
    origin,
    redirectUri: `${origin}/auth/callback`,
    agentScope: `api://${agentApp ?? ""}/access_as_user`,
    agentEndpoint: `${agent.url}/responses`,
    foundry: false,
    fetch: watchAgent(hops),
    userTokenFor: async (user) => (isVisitor(user) ? undefined : userToken(user, [...seen.values()], broken)),
    agentFor: (user) =>
      isVisitor(user)
        ? { endpoint: `${portalAgent.url}/responses`, headers: gatewayHeaders(user) }
        : undefined,
    onSignIn: (user) => void seen.set(user.oid, user),
    onTurn: ({ oid, name }) =>
      hops.start({ from: "browser", to: "back end", what: "ask a question", subject: { oid, name } }).end,
    hops,
    accounts: accounts.map(({ name, username }) => ({ name, username })),
    label,
  });
  server.on("request", backEnd);

  function label(audience: string): string {
    const id = audience.replace(/^api:\/\//, "");
    const app = ["chat", "agent", "contacts"].find((name) => entra.app(name).clientId === id);
    return app === undefined ? audience : `the ${app} app`;
  }

  return {
    entra,
    origin,
    accounts,
    portalPerson,
    hops,
    verified: contacts.verified,
    agentUrl: agent.url,
    label,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
      await agent.close();
      await portalAgent.close();
      await contacts.close();
      await entra.close();
    },
  };
}

/** The browser's own way through Entra's pages, which only Entra sees. */
function browserHop(hops: HopLog, { client, path, status, oid, user }: EntraRequest): void {
  if (oid === undefined || status < 300 || status > 399 || !/\/(authorize|login)$/.test(path)) return;
  const what = client === "agent" ? "give the agent consent" : "sign in";
  const subject = { oid, ...(user === undefined ? {} : { name: user }) };
  hops.start({ from: "browser", to: "Entra", what, subject }).end("sent back with a code");
}

async function userToken(
  user: SignedIn,
  everybody: readonly SignedIn[],
  broken: Break | undefined,
): Promise<string | undefined> {
  if (broken === "no-user-token") return undefined;
  const other = everybody.find(({ oid }) => oid !== user.oid);
  return (broken === "swap-users" && other !== undefined ? other : user).agentToken();
}

function randomSecret(): string {
  return randomBytes(24).toString("base64url");
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function listen(port: number): Promise<Server> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => done(server));
  });
}
