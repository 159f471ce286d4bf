import { createServer } from "node:http";
import express from "express";
import {
  clientSecret,
  entraApp,
  entraConsentLink,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
  type UserAccess,
} from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { responses, userContext } from "hosted-agent-identity/express";
import { startEntra, startWitness, type EntraEmulator } from "hosted-agent-identity/testing";
import { listening } from "../../support/listening.js";
import type { CounterpartWorld } from "../counterpart.js";

/**
 * Our agent behind Express, with Entra and two MCP servers: contacts answers, calendar needs a consent, which
 * `POST /consent` gives.
 */
export interface AgentWorld {
  readonly url: string;
  /** What a client written for Foundry takes for the project: the agent answers under it. */
  readonly projectEndpoint: string;
  readonly userToken: string;
  /** The user token, where a client brings it. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who Ada is: what an answer shows when it was made with her token. */
  readonly oid: string;
  /** The bodies of all requests so far. */
  readonly asked: readonly Readonly<Record<string, unknown>>[];
}

const projectPath = "/api/projects/test";
const consentOrigin = "https://login.microsoftonline.com";

/** Starts them; they end with the counterpart. */
export async function startAgentWorld({ atEnd }: Pick<CounterpartWorld, "atEnd">): Promise<AgentWorld> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
      { name: "calendar", scopes: ["read"] },
    ],
    users: [{ name: "Ada" }],
  });
  atEnd(() => entra.close());
  const { contacts, calendar, verify } = await accessThrough(entra, atEnd);
  const asked: Record<string, unknown>[] = [];

  const agent = responses(
    async function* ({ input, request }) {
      asked.push(request.body);
      const scenario = scenarios[input] ?? echo;
      yield* scenario({ input, contacts, calendar });
    },
    { policy: consentLinkPolicy({ allowedOrigins: [consentOrigin] }), onError: () => {} },
  );
  const host = express()
    .post("/consent", (_, response) => {
      entra.grantConsent({ user: "Ada", client: "agent", resource: "calendar", scopes: ["read"] });
      response.status(204).end();
    })
    .post(
      [
        "/responses",
        `${projectPath}/openai/v1/responses`,
        `${projectPath}/agents/agent/endpoint/protocols/openai/responses`,
      ],
      userContext({ verify }),
      agent,
    );
  const running = await listening(createServer(host));
  atEnd(() => running.close());
  const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
  return {
    url: running.url,
    projectEndpoint: `${running.url}${projectPath}`,
    userToken,
    headers: { "x-client-user-token": userToken },
    oid: entra.user("Ada").oid,
    asked,
  };
}

interface Scene {
  readonly input: string;
  readonly contacts: UserAccess;
  readonly calendar: UserAccess;
}

/** What the agent does, by what it is asked. */
const scenarios: Readonly<Record<string, (scene: Scene) => AsyncIterable<string>>> = {
  async *whoami({ contacts }) {
    yield "Hello ";
    yield await oidBehind(contacts);
  },
  async *calendar({ calendar }) {
    yield "Let me look. ";
    yield await oidBehind(calendar);
  },
  async *empty() {},
  async *fail() {
    yield "I begin. ";
    throw new Error("internals that nobody may see");
  },
};

async function* echo({ input }: Scene): AsyncIterable<string> {
  yield "You said: ";
  yield input;
}

/** Whose token it is, as the MCP server would see. */
async function oidBehind(access: UserAccess): Promise<string> {
  const { token } = await access.token();
  const [, claims = ""] = token.split(".");
  return (JSON.parse(Buffer.from(claims, "base64url").toString()) as { oid: string }).oid;
}

async function accessThrough(entra: EntraEmulator, atEnd: CounterpartWorld["atEnd"]) {
  const contacts = await startWitness({ entra, app: "contacts", tools: ["whoami"] });
  const calendar = await startWitness({ entra, app: "calendar", tools: ["whoami"] });
  atEnd(async () => {
    await contacts.close();
    await calendar.close();
  });
  const { tenantId, clientId } = entra.app("agent");
  const app = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud: entra.cloud });
  // Clients of Foundry show only links with https, which the emulator on loopback has none of.
  const real = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret") });
  const consentLink = Object.assign(
    entraConsentLink({ app: real, redirectUri: "https://agent.example.com/consented" }),
    { allowedOrigins: [consentOrigin] },
  );
  return {
    contacts: userAccess(protectedResource(contacts.resource), [onBehalfOf(app, { consentLink })]),
    calendar: userAccess(protectedResource({ ...calendar.resource, serverLabel: "calendar" }), [
      onBehalfOf(app, { consentLink }),
    ]),
    verify: userTokenVerifier({ app }),
  };
}
