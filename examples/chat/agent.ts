/**
 * The hosted agent: Express, hosted-agent-identity, and the MCP SDK's client. It has the container contract
 * of Foundry's hosted agents: `GET /readiness`, `POST /responses` (streamed and plain), and it finishes
 * what it is doing when it is told to stop.
 *
 * Everything that concerns the user is in `startAgent` below. No language model can be reached offline, so
 * `script.ts` stands in for one: it picks a tool by a few words and streams an answer, the same each time.
 */
import { randomBytes } from "node:crypto";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import express from "express";
import {
  clientSecret,
  closeMcpClient,
  entraApp,
  entraConsentLink,
  isHostedAgentIdentityError,
  mcpClientPool,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
  type Cloud,
  type FetchLike,
  type UserAccess,
} from "hosted-agent-identity";
import { responses, userContext, webHandler } from "hosted-agent-identity/express";
import { createSignIn, memoryStore, type SignInBound } from "hosted-agent-identity/sign-in";
import { answer } from "./script.js";

export interface AgentOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host?: string;
  /** Listens already, instead of `port`: for an address that somebody has to know before the agent starts. */
  readonly server?: Server;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly cloud?: Cloud;
  readonly contacts: { readonly url: string; readonly clientId: string; readonly scope: string };
  /** Where a person comes back to after giving consent; a redirect URI of the agent's app. */
  readonly consentRedirectUri: string;
  /**
   * For people whose requests bring no token, only the platform's user id: they sign in on pages of this
   * process, and the code of the page goes into the chat. Needs a redirect URI `<publicUrl>/callback`.
   */
  readonly signIn?: { readonly publicUrl: string; readonly onSignedIn?: (event: SignInBound) => void };
  /** The network towards Entra and towards the MCP server; the demo looks on here. */
  readonly entraFetch?: FetchLike;
  readonly mcpFetch?: (contacts: () => UserAccess) => FetchLike;
}

export interface Agent {
  readonly url: string;
  /** Takes no new requests, lets running answers finish, then lets go of everything. */
  close(): Promise<void>;
}

export async function startAgent(options: AgentOptions): Promise<Agent> {
  const { tenantId, clientId, cloud, entraFetch, consentRedirectUri: redirectUri } = options;
  const network = entraFetch === undefined ? {} : { fetch: entraFetch };

  const entra = entraApp({
    tenantId,
    clientId,
    credential: clientSecret(options.clientSecret),
    ...(cloud === undefined ? {} : { cloud }),
    ...network,
  });
  const resource = protectedResource({
    url: options.contacts.url,
    serverLabel: "contacts",
    scopes: [`api://${options.contacts.clientId}/${options.contacts.scope}`],
    audiences: [options.contacts.clientId],
  });
  const consentLink = entraConsentLink({ app: entra, redirectUri });
  const signIn =
    options.signIn === undefined
      ? undefined
      : createSignIn({
          app: entra,
          agentName: "Contacts assistant",
          resources: [resource],
          // For a demo that is gone when it is stopped; see no-user-token.ts for stores that last.
          store: memoryStore({ quiet: true }),
          encryptionKeys: [randomBytes(32)],
          ...options.signIn,
        });
  const contacts: UserAccess = userAccess(
    resource,
    [onBehalfOf(entra, { consentLink }), ...(signIn === undefined ? [] : [signIn.tokens()])],
    options.mcpFetch === undefined ? {} : { fetch: options.mcpFetch(() => contacts) },
  );
  const clients = mcpClientPool({
    async open({ principalKey }) {
      const client = new Client(
        { name: "contacts-assistant", version: "1.0.0" },
        { cachePartition: principalKey, versionNegotiation: { mode: "auto" } },
      );
      await client.connect(new StreamableHTTPClientTransport(contacts.url, { fetch: contacts.fetch }));
      return client;
    },
    close: closeMcpClient,
  });

  const app = express();
  app.get("/readiness", (_req, res) => void res.sendStatus(200));
  const verify = userTokenVerifier({ app: entra, ...network });
  if (signIn !== undefined) app.use("/sign-in", webHandler(signIn.handler));
  app.use(
    "/responses",
    // With sign-in nobody needs a token: the demo is the gateway here, and each of its user ids is one person.
    userContext(
      signIn === undefined
        ? { verify, require: true }
        : { verify, platformUserId: "one-person", environment: gateway },
    ),
  );
  app.post(
    "/responses",
    responses(
      ({ input }) =>
        answer(input, (name, args) => clients.use((client) => client.callTool({ name, arguments: args }))),
      { prepare: [contacts], onError: report, ...(signIn === undefined ? {} : { signIn }) },
    ),
  );

  const server =
    options.server?.on("request", app) ?? (await listen(app, options.port, options.host ?? "127.0.0.1"));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      await new Promise<void>((done) => server.close(() => done()));
      await clients.close();
      await contacts.close();
      await signIn?.close();
      await entra.close();
    },
  };
}

/** What the platform's environment variables would say. */
const gateway = {
  hosted: true,
  projectEndpoint: "https://foundry.example.com/projects/demo",
  agentName: "contacts-assistant",
};

/** A code says enough for a log; messages may quote what somebody wrote. */
function report(error: unknown): void {
  console.error(`A turn failed: ${isHostedAgentIdentityError(error) ? error.code : Object(error).name}`);
}

function listen(app: express.Express, port: number, host: string): Promise<Server> {
  return new Promise((done, failed) => {
    const server = app.listen(port, host, (error) => (error ? failed(error) : done(server)));
  });
}
