/** The third party: an issue tracker with accounts of its own. It knows nothing of Entra, MCP, or the agent. */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Tracker {
  readonly url: string;
  /** Where a person of the gateway's connects an account: an address for this one attempt. */
  connectPage(person: string): string;
  /** The account that was connected for a person of the gateway's. */
  accountOf(person: string): string | undefined;
  issuesOf(account: string): readonly string[];
  /** Who opened the pages, oldest first: the account that this browser is signed in with. */
  readonly visits: readonly (string | undefined)[];
  close(): Promise<void>;
}

export async function startTracker(accounts: Readonly<Record<string, readonly string[]>>): Promise<Tracker> {
  const attempts = new Map<string, string>();
  const connected = new Map<string, string>();
  const visits: (string | undefined)[] = [];

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = request.url?.split("/").at(-1) ?? "";
    const person = attempts.get(id);
    const form = request.method === "POST" ? new URLSearchParams(await bodyOf(request)) : undefined;
    const signedIn =
      form?.get("account") ?? /(?:^|; )tracker=([^;]*)/.exec(request.headers.cookie ?? "")?.[1];
    const account = signedIn !== undefined && Object.hasOwn(accounts, signedIn) ? signedIn : undefined;
    visits.push(account);
    if (account !== undefined) response.setHeader("set-cookie", `tracker=${account}; Path=/; HttpOnly`);
    response.setHeader("content-type", "text/html; charset=utf-8");
    if (person === undefined) return void response.writeHead(404).end("<p>This address does not work.");
    if (account === undefined) return void response.end(signInPage(Object.keys(accounts)));
    if (form?.get("connect") !== "yes") return void response.end(connectForm(account));
    // Good for one connection.
    attempts.delete(id);
    connected.set(person, account);
    response.end(`<p>Connected as ${account}. You can close this page.`);
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    visits,
    connectPage(person) {
      const id = randomBytes(16).toString("hex");
      attempts.set(id, person);
      return `${url}/connect/${id}`;
    },
    accountOf: (person) => connected.get(person),
    issuesOf: (account) => accounts[account] ?? [],
    async close() {
      server.closeAllConnections();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

function signInPage(accounts: readonly string[]): string {
  const buttons = accounts.map(
    (name) => `<button name="account" value="${name}">Sign in as ${name}</button>`,
  );
  return `<h1>Issue tracker</h1><form method="post">${buttons.join("")}</form>`;
}

function connectForm(account: string): string {
  return `<h1>Issue tracker</h1><p>You are ${account}.<form method="post"><button name="connect" value="yes">Connect this account</button></form>`;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) body += String(piece);
  return body;
}
