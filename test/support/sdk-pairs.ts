import type { ClientKind } from "./mcp-clients.js";
import type { ServerKind } from "./protected-servers.js";

const servers: readonly ServerKind[] = ["v1-sessions", "v1-stateless", "v2-express", "v2-node", "v2-fetch"];

/** Both SDKs as they are at either end, in both versions of the protocol. A server of SDK v1 speaks no 2026-07-28. */
export const sdkPairs: readonly [ClientKind, ServerKind][] = (
  ["v1", "v2-legacy", "v2-modern"] as const
).flatMap((client) =>
  servers
    .filter((server) => client !== "v2-modern" || server.startsWith("v2-"))
    .map((server): [ClientKind, ServerKind] => [client, server]),
);
