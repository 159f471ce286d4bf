import type { ContextInternals } from "../context/state.js";
import { HostedAgentIdentityError } from "../errors.js";
import { sentRpc } from "./elicitation-capability.js";
import { errorMessage, type ReadBlocks } from "./inspected-answer.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { noteBreak, type ToolCallsSent } from "./tool-calls.js";
import { unbroken, type UnbrokenOptions } from "./unbroken-answer.js";

/** A request, and what is to be told if its answer breaks off. */
export interface ReadRequest extends Pick<UnbrokenOptions, "resume" | "silenceMs"> {
  readonly init: Pick<OutgoingInit, "body" | "signal">;
  readonly serverLabel: string;
  readonly internals: Pick<ContextInternals, "serverTroubles">;
  readonly calls?: ToolCallsSent | undefined;
}

/** Reads the event stream that answers a request to its end, and puts an error where the answer is missing. */
export function answerReader(request: ReadRequest): ReadBlocks {
  const { init, serverLabel, internals, calls, resume, silenceMs } = request;
  return unbroken({
    id: onceOnly(() => requestId(init)),
    left: () => init.signal?.aborted === true,
    resume,
    silenceMs,
    lost(id, cause) {
      const error = new HostedAgentIdentityError(
        "mcp_server_unreachable",
        `The connection to the MCP server ${JSON.stringify(serverLabel)} broke off before its answer was complete. What was asked of it may have been done.`,
      );
      noteBreak(internals, serverLabel, cause);
      calls?.failed(error);
      return Buffer.from(`data: ${errorMessage({ error, code: connectionClosed, id })}\n\n`);
    },
  });
}

/** What the MCP SDKs call a closed connection. */
const connectionClosed = -32000;

function requestId(init: ReadRequest["init"]): unknown {
  const sent = sentRpc(init);
  return typeof sent?.method === "string" ? sent.id : undefined;
}

function onceOnly<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: read() }).value;
}
