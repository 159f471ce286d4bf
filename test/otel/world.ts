import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  clientSecret,
  createUserContext,
  entraApp,
  entraConsentLink,
  type IdentityEvent,
  onBehalfOf,
  type OnEvent,
  passthrough,
  protectedResource,
  type ProtectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
  userTokenVerifier,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { startMcpServer, type McpTestServer } from "../support/mcp-servers.js";

/** Names that no telemetry may have; Ada has consented, Bob has not. */
export const people = { Ada: "Ada Lovelace-Byron", Bob: "Bob Kahn-Elliot" } as const;
export type Person = keyof typeof people;

/** A real Entra emulator, a real MCP server, a plain HTTP server, and an agent between them. */
export interface World {
  readonly entra: EntraEmulator;
  readonly mcp: McpTestServer;
  /** What reached the plain server, by its raw headers. */
  readonly seen: readonly Record<string, string[]>[];
  /** How the plain server answers from now on. */
  answer(how: (request: IncomingMessage, response: ServerResponse) => void): void;
  readonly events: readonly IdentityEvent[];
  agent(onEvent: OnEvent | undefined, options?: AgentOptions): Agent;
  /** The token that a person's request brings. */
  tokenOf(person: Person, options?: { readonly expiresInS?: number; readonly app?: string }): Promise<string>;
  close(): Promise<void>;
}

export interface AgentOptions extends UserAccessOptions {
  readonly secret?: string;
  readonly capabilities?: readonly string[];
}

export interface Agent {
  readonly verify: UserTokenVerifier;
  readonly contacts: UserAccess;
  /** The same resource, served by the plain server. */
  readonly plain: UserAccess;
  /** One turn of a person, with further headers of the request. */
  turn<T>(
    person: Person,
    run: (context: UserContext) => Promise<T>,
    headers?: Record<string, string>,
  ): Promise<T>;
  close(): Promise<void>;
}

export async function world(): Promise<World> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["contacts.read"] },
    ],
    users: Object.values(people).map((name) => ({ name })),
  });
  entra.grantConsent({ user: people.Ada, client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  const mcp = await startMcpServer({ kind: "v1-sessions", whose: (token) => decodeClaims(token)?.oid });
  const seen: Record<string, string[]>[] = [];
  const fine = (_request: IncomingMessage, response: ServerResponse): void => void response.end("fine");
  let answer = fine;
  const plain = createServer((request, response) => {
    seen.push(Object.fromEntries(Object.entries(request.headersDistinct).map(([k, v]) => [k, v ?? []])));
    answer(request, response);
  });
  await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
  const plainUrl = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/mcp`;
  const events: IdentityEvent[] = [];
  const [agentApp, contactsApp] = [entra.app("agent"), entra.app("contacts")];
  const resource = (url: string): ProtectedResource =>
    protectedResource({
      url,
      serverLabel: "contacts",
      scopes: [`api://${contactsApp.clientId}/contacts.read`],
      audiences: [contactsApp.clientId],
    });

  return {
    entra,
    mcp,
    seen,
    events,
    answer: (how) => void (answer = how),
    agent(onEvent, options = {}) {
      const app = entraApp({
        tenantId: entra.tenants[0]?.id ?? "",
        clientId: agentApp.clientId,
        credential: clientSecret(options.secret ?? "agent-secret"),
        cloud: entra.cloud,
        onEvent,
      });
      const consentLink = entraConsentLink({ app, redirectUri: "http://localhost:1/done" });
      const sources = [passthrough(), onBehalfOf(app, { consentLink })];
      const contacts = userAccess(resource(mcp.url), sources, { ...options, onEvent });
      const direct = userAccess(resource(plainUrl), sources, { ...options, onEvent });
      const verify = userTokenVerifier({ app, passthroughTo: [resource(mcp.url)], onEvent });
      return {
        verify,
        contacts,
        plain: direct,
        async turn(person, run, headers = {}) {
          const token = await entra.issueUserToken({ user: people[person], app: "agent" });
          const context = await createUserContext({ "x-client-user-token": token, ...headers }, { verify });
          try {
            return await runWithUserContext(context, () => run(context));
          } finally {
            context.end();
          }
        },
        close: async () => {
          await Promise.all([app.close(), contacts.close(), direct.close()]);
        },
      };
    },
    tokenOf: (person, { expiresInS, app = "agent" } = {}) =>
      entra.issueUserToken({
        user: people[person],
        app,
        ...(expiresInS === undefined ? {} : { expiresInS }),
      }),
    async close() {
      plain.closeAllConnections();
      await Promise.all([entra.close(), mcp.close(), new Promise((done) => plain.close(done))]);
    },
  };
}
