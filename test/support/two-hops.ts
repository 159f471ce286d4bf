import { randomBytes } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type IdentityEvent,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/express";
import { callerOf, protectMcpServer, type ToolRequirement } from "hosted-agent-identity/server";
import { createSignIn, memoryStore, type SignIn } from "hosted-agent-identity/sign-in";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { listening } from "./listening.js";
import { startProtectedServer, type ProtectedServer, type ServerKind } from "./protected-servers.js";

/** An agent, an MCP server, and the API behind it: two hops, each as the person. */
export interface TwoHops {
  readonly entra: EntraEmulator;
  /** The agent's way to the MCP server. */
  readonly access: UserAccess;
  readonly server: ProtectedServer;
  /** The MCP server's way to the API. */
  readonly mail: UserAccess;
  /** The MCP server's own. */
  readonly signIn: SignIn;
  /** Where the pages of the MCP server's sign-in are. */
  readonly pages: string;
  /** Whom the API has seen. */
  readonly seen: { readonly oid: string; readonly client: string }[];
  /** What the next request to the API is answered with instead. */
  answerNext(status: number, headers: Record<string, string>): void;
  readonly events: IdentityEvent[];
  /** Runs as a user of the agent. */
  as<T>(user: string, run: (context: UserContext) => Promise<T>, claimsChallenge?: string): Promise<T>;
  close(): Promise<void>;
}

export interface TwoHopsOptions {
  /** What the tool `read_mail` needs besides the API; "nothing" leaves the API out. */
  readonly needs?: ToolRequirement | "nothing";
  /** The agent takes no pages of the MCP server. */
  readonly withoutPages?: boolean;
  /** The MCP server's sources. Default: on-behalf-of, and then its sign-in. */
  readonly sources?: (obo: TokenSource, signIn: SignIn) => readonly TokenSource[];
  /** The agent has a sign-in of its own, whose page shows the MCP server's link. */
  readonly agentSignIn?: boolean;
  /** What the tool does, in place of reading mail. */
  readonly readMail?: (read: () => Promise<string>) => Promise<string>;
}

const secrets = { agent: "agent-secret", mailbox: "mailbox-secret" };

/** Starts all of it. Entra knows Ada and Bob, who have consented to the agent's calls of the MCP server only. */
export async function startTwoHops(kind: ServerKind, options: TwoHopsOptions = {}): Promise<TwoHops> {
  let pagesListener: RequestListener | undefined;
  const pagesHost = await listening(createServer((request, response) => pagesListener?.(request, response)));
  const [pages, agentPages] = [`${pagesHost.url}/sign-in`, `${pagesHost.url}/agent`];
  const entra = await startEntra({
    users: [{ name: "Ada" }, { name: "Bob" }],
    apps: [
      {
        name: "agent",
        scopes: ["access_as_user"],
        secrets: [secrets.agent],
        redirectUris: [`${agentPages}/callback`],
      },
      {
        name: "mailbox",
        scopes: ["access_as_user"],
        secrets: [secrets.mailbox],
        redirectUris: [`${pages}/callback`],
        preAuthorized: [{ client: "agent", scopes: ["access_as_user"] }],
      },
      { name: "mail", scopes: ["Mail.Read"] },
    ],
  });
  const appOf = (name: "agent" | "mailbox") => {
    const { tenantId, clientId } = entra.app(name);
    return entraApp({ tenantId, clientId, credential: clientSecret(secrets[name]), cloud: entra.cloud });
  };
  const [agent, mailbox] = [appOf("agent"), appOf("mailbox")];
  const api = await startMailApi(entra);
  const events: IdentityEvent[] = [];

  const mailResource = protectedResource({
    url: `${api.url}/v1`,
    serverLabel: "Mail",
    scopes: [`api://${entra.app("mail").clientId}/Mail.Read`],
    audiences: [entra.app("mail").clientId],
  });
  const signIn = createSignIn({
    app: mailbox,
    agentName: "Mailbox server",
    publicUrl: pages,
    resources: [mailResource],
    store: memoryStore({ quiet: true }),
    encryptionKeys: [randomBytes(32)],
    onEvent: (event) => void events.push(event),
  });
  const { sources = (obo: TokenSource, own: SignIn) => [obo, own.tokens()], needs = {} } = options;
  const mail = userAccess(mailResource, sources(onBehalfOf(mailbox), signIn));

  const read = async (): Promise<string> => {
    const response = await mail.fetch(`${api.url}/v1/messages`);
    return response.text();
  };
  const { readMail = (plain) => plain() } = options;
  const server = await startProtectedServer(
    kind,
    (url) =>
      protectMcpServer({
        url,
        app: mailbox,
        scopes: ["access_as_user"],
        tools: needs === "nothing" ? {} : { read_mail: { downstream: [mail], ...needs } },
        onEvent: (event) => void events.push(event),
      }),
    { read_mail: () => readMail(read) },
  );

  const resource = protectedResource({
    url: server.url,
    serverLabel: "mailbox",
    scopes: [`api://${entra.app("mailbox").clientId}/access_as_user`],
    audiences: [entra.app("mailbox").clientId],
    ...(options.withoutPages === true ? {} : { elicitation: { allowedLinks: [pages] } }),
  });
  const agentSignIn = createSignIn({
    app: agent,
    agentName: "Assistant",
    publicUrl: agentPages,
    resources: [resource],
    store: memoryStore({ quiet: true }),
    encryptionKeys: [randomBytes(32)],
  });
  const [ofMailbox, ofAgent] = [webHandler(signIn.handler), webHandler(agentSignIn.handler)];
  pagesListener = (request, response) =>
    void (request.url?.startsWith("/agent") === true ? ofAgent : ofMailbox)(request, response);
  const own = options.agentSignIn === true ? [agentSignIn.tokens()] : [];
  const access = userAccess(resource, [onBehalfOf(agent), ...own]);
  const verify = userTokenVerifier({ app: agent });
  return {
    entra,
    access,
    server,
    mail,
    signIn,
    pages,
    seen: api.seen,
    answerNext: api.answerNext,
    events,
    async as(user, run, claimsChallenge) {
      const userToken = await entra.issueUserToken({
        user,
        app: "agent",
        ...(claimsChallenge === undefined ? {} : { claimsChallenge }),
      });
      const context = await createUserContext({ userToken }, { verify });
      try {
        return await runWithUserContext(context, () => run(context));
      } finally {
        context.end();
      }
    },
    async close() {
      for (const one of [access, mail, signIn, agentSignIn, agent, mailbox, server, api, pagesHost, entra])
        await one.close();
    },
  };
}

/** A REST API that takes only tokens for itself, and answers with whose mail it is. */
async function startMailApi(entra: EntraEmulator) {
  const { tenantId, clientId } = entra.app("mail");
  const seen: { oid: string; client: string }[] = [];
  const next: { status: number; headers: Record<string, string> }[] = [];
  let listener: RequestListener | undefined;
  const host = await listening(createServer((request, response) => listener?.(request, response)));
  const gate = protectMcpServer({
    url: `${host.url}/v1`,
    app: { tenantId, clientId, cloud: entra.cloud },
    scopes: ["Mail.Read"],
  });
  listener = (request, response) =>
    gate.middleware(request, response, () => {
      const instead = next.shift();
      if (instead !== undefined) return void response.writeHead(instead.status, instead.headers).end();
      const { oid, clientId: client } = callerOf(
        (request as unknown as { auth: Parameters<typeof callerOf>[0] }).auth,
      );
      seen.push({ oid, client });
      return void response.end(`The mail of ${oid}`);
    });
  return {
    url: host.url,
    seen,
    answerNext: (status: number, headers: Record<string, string>) => void next.push({ status, headers }),
    close: host.close,
  };
}
