import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import {
  clientSecret,
  entraApp,
  type HostedAgentIdentityError,
  isHostedAgentIdentityError,
  onBehalfOf,
  type OnBehalfOfOptions,
  protectedResource,
  runWithUserContext,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { goodBody, json, tokenEndpoint, type Answer } from "../support/token-endpoint.js";

/** Ada is in trouble in every test here; Bob and Cy sit beside her, at the same agent. */
const oids = {
  Ada: "dddddddd-0000-4000-8000-00000000000a",
  Bob: "dddddddd-0000-4000-8000-00000000000b",
  Cy: "dddddddd-0000-4000-8000-00000000000c",
} as const;
export type Person = keyof typeof oids;
export const others: readonly Person[] = ["Bob", "Cy"];

export type McpAnswer = (request: IncomingMessage, response: ServerResponse, nth: number) => void;

/** What one call came to, and what it cost that person. */
export interface Outcome {
  /** The HTTP status the caller got, or the code and category of the error. */
  readonly sees: number | { readonly code: string; readonly category: string };
  readonly error: HostedAgentIdentityError | undefined;
  readonly body: string;
  /** Requests to Entra's token endpoint. */
  readonly posts: number;
  /** Requests to the MCP server. */
  readonly requests: number;
}

export interface ThreePeople {
  readonly contacts: UserAccess;
  readonly forms: readonly URLSearchParams[];
  readonly mcpUrl: string;
  /** How Entra answers Ada; `undefined`: as it answers everybody. */
  entraTroubles(answer: Answer | undefined): void;
  /** How the MCP server answers Ada; `undefined`: as it answers everybody. */
  mcpTroubles(answer: McpAnswer | undefined): void;
  /** Moves the agent's clock. */
  pass(ms: number): void;
  /** One turn of a person with one call; `sign` makes it another user token of theirs. */
  turn(person: Person, sign?: string): Promise<Outcome>;
  close(): Promise<void>;
}

export interface ThreePeopleOptions {
  readonly timeoutMs?: number;
  readonly onBehalfOf?: OnBehalfOfOptions;
}

/** An agent between an Entra and an MCP server, both on loopback sockets. */
export async function threePeople(options: ThreePeopleOptions = {}): Promise<ThreePeople> {
  // MSAL is loaded on first use; with the short timeouts here that must not be part of an exchange.
  await import("@azure/msal-node");
  const entra = await tokenEndpoint();
  let entraAnswer: Answer | undefined;
  entra.answer((form, response, request) => {
    if (whoAsks(form) === "Ada" && entraAnswer !== undefined) return entraAnswer(form, response, request);
    json(response, 200, goodBody(form));
  });

  const asked = new Map<Person, number>();
  let mcpAnswer: McpAnswer | undefined;
  let nth = 0;
  const mcp = createServer((request, response) => {
    const person = personOf(/^Bearer (\S+)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    request.resume();
    if (person === undefined) return void response.writeHead(400).end("nobody's token");
    asked.set(person, (asked.get(person) ?? 0) + 1);
    if (person === "Ada" && mcpAnswer !== undefined) return mcpAnswer(request, response, (nth += 1));
    response.end(`hello ${person}`);
  });
  await new Promise<void>((resolve) => mcp.listen(0, "127.0.0.1", resolve));
  const mcpUrl = `http://127.0.0.1:${(mcp.address() as AddressInfo).port}/mcp`;

  const started = Date.now();
  let passed = 0;
  // It stands still but for `pass`, so that waits are exact.
  const now = (): number => started + passed;
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("not-a-real-secret"),
    cloud: { loginEndpoint: entra.origin },
    now,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  const resource = protectedResource({
    url: mcpUrl,
    serverLabel: "contacts",
    scopes: [`api://${mcpApp}/access_as_user`],
    audiences: [mcpApp],
  });
  const contacts = userAccess(resource, [onBehalfOf(app, options.onBehalfOf)], {
    now,
    random: (length) => new Uint8Array(length),
  });
  const postsOf = (person: Person): number => entra.forms.filter((form) => whoAsks(form) === person).length;

  return {
    contacts,
    forms: entra.forms,
    mcpUrl,
    entraTroubles: (answer) => void (entraAnswer = answer),
    mcpTroubles(answer) {
      nth = 0;
      mcpAnswer = answer;
    },
    pass: (ms) => void (passed += ms),
    async turn(person, sign = "first") {
      const before = { posts: postsOf(person), requests: asked.get(person) ?? 0 };
      const exp = Math.floor(started / 1000) + 86_400;
      const context = contextFor({ oid: oids[person], uti: sign, exp });
      const init = { method: "POST", body: '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' };
      let sees: Outcome["sees"];
      let error: HostedAgentIdentityError | undefined;
      let body = "";
      try {
        const response = await runWithUserContext(context, () => contacts.fetch(contacts.url, init));
        sees = response.status;
        body = await response.text();
      } catch (cause) {
        error = isHostedAgentIdentityError(cause) ? cause : undefined;
        sees =
          error === undefined
            ? { code: (cause as Error).name, category: "none" }
            : { code: error.code, category: error.category };
      } finally {
        context.end();
      }
      const posts = postsOf(person) - before.posts;
      return { sees, error, body, posts, requests: (asked.get(person) ?? 0) - before.requests };
    },
    async close() {
      await contacts.close();
      await app.close();
      await entra.close();
      mcp.closeAllConnections();
      await new Promise((resolve) => mcp.close(resolve));
    },
  };
}

function whoAsks(form: URLSearchParams): Person | undefined {
  return personOf(form.get("assertion") ?? "");
}

function personOf(token: string): Person | undefined {
  const oid = decodeClaims(token)?.oid;
  return (Object.keys(oids) as Person[]).find((person) => oids[person] === oid);
}
