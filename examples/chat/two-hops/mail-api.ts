import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  callerOf,
  protectMcpServer,
  type EntraAuthInfo,
  type McpServerApp,
} from "hosted-agent-identity/server";

/** What the API saw in a token that it verified. */
export interface SeenCaller {
  readonly oid: string;
  /** The application that called. */
  readonly clientId: string;
}

export interface MailApi {
  readonly url: string;
  readonly seen: readonly SeenCaller[];
  close(): Promise<void>;
}

/** The far end: a REST API that takes only tokens for itself, and gives each person their own mail. */
export async function startMailApi(
  app: McpServerApp,
  mailOf: (oid: string) => readonly string[],
  onCall: (caller: SeenCaller) => void,
): Promise<MailApi> {
  const seen: SeenCaller[] = [];
  const server = createServer((request, response) =>
    gate.middleware(request, response, () => {
      const { oid, clientId } = callerOf((request as typeof request & { auth: EntraAuthInfo }).auth);
      seen.push({ oid, clientId });
      onCall({ oid, clientId });
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(mailOf(oid)));
    }),
  );
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  // Tokens are the same for an MCP server and any other API.
  const gate = protectMcpServer({ url, app, scopes: ["Mail.Read"] });
  return {
    url,
    seen,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}
