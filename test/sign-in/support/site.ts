import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import type { EntraAppOptions, IdentityEvent } from "hosted-agent-identity";
import {
  createSignIn,
  memoryStore,
  type SignIn,
  type SignInOptions,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import type { SignInWorld } from "./signing-in.js";

/** A running sign-in service, registered at the emulator. */
export interface Site {
  readonly signIn: SignIn;
  readonly publicUrl: string;
  readonly store: SignInStore;
  readonly key: Uint8Array;
  readonly events: readonly IdentityEvent[];
  /** Another process of the same service: same address on paper, same store and keys. */
  twin(options?: Partial<SignInOptions>): SignIn;
  /** Serves with another one from now on. */
  use(signIn: SignIn): void;
  close(): Promise<void>;
}

export async function signInSite(
  world: SignInWorld,
  options: Partial<SignInOptions> & { readonly entraApp?: Partial<EntraAppOptions> } = {},
): Promise<Site> {
  const { entraApp, ...given } = options;
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sign-in`;
  world.entra.addRedirectUri("agent", `${publicUrl}/callback`);
  const events: IdentityEvent[] = [];
  const store =
    given.store ?? memoryStore({ quiet: true, ...(given.now === undefined ? {} : { now: given.now }) });
  const key = new Uint8Array(randomBytes(32));
  const make = (more: Partial<SignInOptions> = {}): SignIn =>
    createSignIn({
      app: world.app(entraApp),
      publicUrl,
      resources: [world.contacts, world.mail],
      store,
      encryptionKeys: [key],
      agentName: "Contacts agent",
      onEvent: (event) => void events.push(event),
      ...given,
      ...more,
    });
  let signIn = make();
  const first = signIn;
  serve(server, (request) => signIn.handler(request));
  return {
    signIn: first,
    publicUrl,
    store,
    key,
    events,
    twin: make,
    use: (other) => void (signIn = other),
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The bridge from node:http that every host has in its own way. */
function serve(server: Server, handler: (request: Request) => Promise<Response>): void {
  server.on("request", (incoming, outgoing) => {
    const url = `http://${incoming.headers.host}${incoming.url}`;
    const { method = "GET" } = incoming;
    const body = method === "GET" || method === "HEAD" ? null : (Readable.toWeb(incoming) as ReadableStream);
    const headers = new Headers(incoming.headers as Record<string, string>);
    const request = new Request(url, { method, headers, body, duplex: "half" } as RequestInit);
    void handler(request).then(async (response) => {
      outgoing.writeHead(response.status, [...response.headers].flat());
      outgoing.end(Buffer.from(await response.arrayBuffer()));
    });
  });
}
