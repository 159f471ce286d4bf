import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  ElicitRequestSchema,
  type ElicitResult,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { FetchLike } from "hosted-agent-identity";

/** Which SDK, and for SDK v2 which era of the protocol. */
export type ClientKind = "v1" | "v2-legacy" | "v2-modern";

export type RealClient = ClientV1 | ClientV2;

export interface OpenOptions {
  fetch?: FetchLike;
  authProvider?: object;
  cachePartition?: string;
  /** What the user fills into a form that the server asks for; without it the client takes none. */
  form?: Record<string, string>;
  /** Called with what the server says in a notification. */
  onNotification?: (data: { caller: string; nonce: string }) => void;
}

const info = { name: "tests", version: "1.0.0" };

/** A connected, unmodified client of the real SDK. */
export async function openClient(
  kind: ClientKind,
  url: string | URL,
  options: OpenOptions,
): Promise<RealClient> {
  const { cachePartition, onNotification, form, ...rest } = options;
  const capabilities = form === undefined ? {} : { elicitation: { form: { applyDefaults: true } } };
  const filled = (): ElicitResult => ({ action: "accept", content: { ...form } });
  if (kind === "v1") {
    const client = new ClientV1(info, { capabilities });
    if (form !== undefined) client.setRequestHandler(ElicitRequestSchema, filled);
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) =>
      onNotification?.(params.data as { caller: string; nonce: string }),
    );
    await client.connect(new TransportV1(new URL(url), rest as ConstructorParameters<typeof TransportV1>[1]));
    return client;
  }
  const client = new ClientV2(info, {
    capabilities,
    ...(cachePartition === undefined ? {} : { cachePartition }),
    ...(kind === "v2-modern" ? { versionNegotiation: { mode: { pin: "2026-07-28" } } } : {}),
  });
  if (form !== undefined) client.setRequestHandler("elicitation/create", filled);
  client.setNotificationHandler("notifications/message", ({ params }) =>
    onNotification?.(params.data as { caller: string; nonce: string }),
  );
  await client.connect(new TransportV2(new URL(url), rest as ConstructorParameters<typeof TransportV2>[1]));
  return client;
}

/** Who the server says is calling. */
export async function whoami(client: RealClient, nonce = "n"): Promise<{ caller: string; nonce: string }> {
  const result = (await client.callTool({ name: "whoami", arguments: { nonce } })) as {
    content: { text: string }[];
  };
  return JSON.parse(result.content[0]?.text ?? "null") as { caller: string; nonce: string };
}

/** The body of a resource whose address is the same for everybody and whose content is the caller's name. */
export async function readProfile(client: RealClient): Promise<string> {
  const result = (await client.readResource({ uri: "me://profile" })) as { contents: { text: string }[] };
  return result.contents[0]?.text ?? "";
}
