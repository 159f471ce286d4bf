import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { FetchLike } from "hosted-agent-identity";
import type { ClientKind } from "../../support/mcp-clients.js";

/** What a server answered, as far as the probes read it. */
export type Answer = Readonly<Record<string, unknown>>;

/** Options that both SDKs have. */
export interface CallOptions {
  readonly onprogress?: () => void;
  readonly signal?: AbortSignal;
}

/** The methods that both SDKs have, in the form of both. */
interface SdkMethods {
  listTools(params?: object): Promise<Answer>;
  listResources(): Promise<Answer>;
  listResourceTemplates(): Promise<Answer>;
  readResource(params: object): Promise<Answer>;
  subscribeResource(params: object): Promise<Answer>;
  unsubscribeResource(params: object): Promise<Answer>;
  listPrompts(): Promise<Answer>;
  getPrompt(params: object): Promise<Answer>;
  complete(params: object): Promise<Answer>;
  setLoggingLevel(level: string): Promise<Answer>;
  ping(): Promise<Answer>;
  sendRootsListChanged(): Promise<void>;
}

/** A client of a real SDK that has a handler for whatever a server may ask it. */
export interface Peer extends SdkMethods {
  readonly kind: ClientKind;
  readonly client: ClientV1 | ClientV2;
  callTool(name: string, args?: object, options?: CallOptions): Promise<Answer>;
  /** A notification that has come since the last call of `forget()`, or comes within some seconds. */
  heard(method: string): Promise<Answer>;
  forget(): void;
  /** The MCP session; SDK v2 has none with 2026-07-28. */
  readonly sessionId: string | undefined;
  terminate(): Promise<void>;
  readonly transport: object;
  close(): Promise<void>;
}

export interface PeerOptions {
  readonly kind: ClientKind;
  readonly url: string;
  readonly fetch?: FetchLike;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cachePartition?: string;
}

const info = { name: "tests", version: "1.0.0" };
const capabilities = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
} as const;
/** How long a server may take to notify, in milliseconds. The slowest does it every 3 s. */
const noticeMs = 7_000;
/** What the person answers to a form: every field that a form of these servers has. */
const form = {
  name: "Zed",
  username: "zed01",
  email: "zed@example.com",
  password: "longenough1",
  newsletter: true,
  theme: "dark",
  check: true,
  firstLine: "x",
  untitledSingleSelectEnum: "Monica",
  random: "r",
  context: "c",
};
const handlers = {
  elicit: () => ({ action: "accept" as const, content: form }),
  sample: () => ({
    model: "m",
    role: "assistant" as const,
    content: { type: "text" as const, text: "sampled" },
  }),
  roots: () => ({ roots: [{ uri: "file:///work", name: "work" }] }),
};

/** Connects one. */
export async function openPeer(options: PeerOptions): Promise<Peer> {
  const notices: { readonly method: string; readonly params?: unknown }[] = [];
  const waiting = new Set<() => void>();
  const noted = async (notice: { method: string; params?: unknown }): Promise<void> => {
    notices.push(notice);
    for (const look of waiting) look();
  };
  const { client, transport } = options.kind === "v1" ? await v1(options, noted) : await v2(options, noted);
  const methods = client as unknown as SdkMethods & {
    callTool(params: object, ...rest: unknown[]): Promise<Answer>;
  };
  const called =
    <A extends unknown[], T>(name: keyof SdkMethods) =>
    (...args: A): Promise<T> =>
      (methods[name] as (...given: A) => Promise<T>).call(methods, ...args);
  return {
    kind: options.kind,
    client,
    transport,
    listTools: called("listTools"),
    listResources: called("listResources"),
    listResourceTemplates: called("listResourceTemplates"),
    readResource: called("readResource"),
    subscribeResource: called("subscribeResource"),
    unsubscribeResource: called("unsubscribeResource"),
    listPrompts: called("listPrompts"),
    getPrompt: called("getPrompt"),
    complete: called("complete"),
    setLoggingLevel: called("setLoggingLevel"),
    ping: called("ping"),
    sendRootsListChanged: called("sendRootsListChanged"),
    callTool(name, args = {}, given = {}) {
      const params = { name, arguments: args };
      return options.kind === "v1"
        ? methods.callTool(params, undefined, given)
        : methods.callTool(params, given);
    },
    heard: (method) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = notices.find((notice) => notice.method === method);
          if (found !== undefined) end(() => resolve((found.params ?? {}) as Answer));
        };
        const timer = setTimeout(() => end(() => reject(new Error(`no ${method} came`))), noticeMs);
        const end = (settle: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          settle();
        };
        waiting.add(look);
        look();
      }),
    forget: () => void notices.splice(0),
    get sessionId() {
      return transport.sessionId;
    },
    terminate: () => transport.terminateSession(),
    close: () => client.close(),
  };
}

type Noted = (notice: { method: string; params?: unknown }) => Promise<void>;

async function v1({ url, fetch, headers }: PeerOptions, noted: Noted) {
  const client = new ClientV1(info, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, handlers.elicit);
  client.setRequestHandler(CreateMessageRequestSchema, handlers.sample);
  client.setRequestHandler(ListRootsRequestSchema, handlers.roots);
  client.fallbackNotificationHandler = noted;
  const transport = new TransportV1(new URL(url), {
    ...(fetch && { fetch }),
    ...(headers && { requestInit: { headers } }),
  });
  await client.connect(transport);
  return { client, transport };
}

async function v2({ kind, url, fetch, headers, cachePartition }: PeerOptions, noted: Noted) {
  const client = new ClientV2(info, {
    capabilities,
    ...(cachePartition && { cachePartition }),
    ...(kind === "v2-modern" && { versionNegotiation: { mode: { pin: "2026-07-28" } } }),
  });
  client.setRequestHandler("elicitation/create", handlers.elicit);
  client.setRequestHandler("sampling/createMessage", handlers.sample);
  client.setRequestHandler("roots/list", handlers.roots);
  client.fallbackNotificationHandler = noted;
  const transport = new TransportV2(new URL(url), {
    ...(fetch && { fetch }),
    ...(headers && { requestInit: { headers } }),
  });
  await client.connect(transport);
  return { client, transport };
}

/** The text of an answer, which most probes look at. */
export function textOf({ content, contents }: Answer): string {
  const parts = (content ?? contents) as readonly { readonly text?: string }[] | undefined;
  return (parts ?? []).map(({ text = "" }) => text).join("\n");
}
