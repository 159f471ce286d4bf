import { made } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";
import { withDeadline } from "../async/deadline.js";

/** What the clients of both MCP SDKs have in common. */
export interface ClosableMcpClient {
  readonly transport?: object | undefined;
  close(): Promise<void>;
}

/** How long a server may take to end a session before the client is closed anyway, in milliseconds. */
const terminateMs = 2000;

/**
 * Ends a client of either MCP SDK: asks the server to end its session (DELETE), then closes it. The SDKs'
 * own `close()` sends no DELETE. That the server cannot be asked (no token cached any more, no answer
 * within two seconds) does not keep the client open. Throws what the client's `close()` throws.
 *
 * Entry point: `hosted-agent-identity`. See {@link mcpClientPool} for an example.
 * @group MCP
 */
export async function closeMcpClient(client: ClosableMcpClient): Promise<void> {
  clientCheck.read(client, "closeMcpClient: client");
  const { transport } = client;
  if (endsSessions(transport)) await terminate(transport).catch(() => {});
  await client.close();
}

const clientCheck: OptionCheck<ClosableMcpClient> = made<ClosableMcpClient>("a client of an MCP SDK", {
  close: "function",
});

interface SessionTransport {
  terminateSession(): Promise<void>;
}

function endsSessions(transport: object | undefined): transport is SessionTransport {
  return (
    transport !== undefined &&
    "terminateSession" in transport &&
    typeof transport.terminateSession === "function"
  );
}

function terminate(transport: SessionTransport): Promise<void> {
  const late = (): Error => new Error("The server did not end the session in time.");
  return withDeadline(terminateMs, undefined, late, () => transport.terminateSession());
}
