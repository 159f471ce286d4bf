import { read } from "../consent/error-chain.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { isWithoutEffect } from "./rpc-method.js";

/**
 * Whether a request is sent once more: its connection was reset before the answer began, which happens to idle ones that
 * a server, a firewall or a gateway has dropped without a word, and it cannot act twice. A tool may have run.
 */
export function maySendAgain(init: OutgoingInit, error: unknown): boolean {
  return init.signal?.aborted !== true && isReset(error) && isWithoutEffect(init);
}

/** What Node's `fetch`, undici and node-fetch say of a connection that the other side has ended. */
const resets: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

function isReset(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const cause = read(error, "cause");
  return (
    resets.has(read(error, "code")) ||
    (typeof cause === "object" && cause !== null && resets.has(read(cause, "code")))
  );
}
