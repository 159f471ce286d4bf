/**
 * One request that the emulator received or sent, and how it ended. No token, link or secret is kept.
 *
 * @group Test kit
 */
export interface FoundryRequest {
  /** Milliseconds since 1970, by the emulator's clock. */
  readonly at: number;
  /**
   * "caller": what came to the public endpoint; "container": what the container was sent; "toolbox": what
   * came to a toolbox; "source": what its server was sent; "consent": pages; "storage": stored responses.
   */
  readonly side: "caller" | "container" | "toolbox" | "source" | "consent" | "storage";
  readonly method: string;
  readonly path: string;
  /** Headers by lower-case name; what must not be seen reads "[redacted]". */
  headers?: Readonly<Record<string, string>>;
  /** The name of the person, app or managed identity whose token came. */
  caller?: string;
  /** The platform's id of who it is for. */
  userId?: string;
  callId?: string;
  sessionId?: string;
  /** Of a toolbox's request: the JSON-RPC method, and the tool. */
  rpc?: string | undefined;
  tool?: string | undefined;
  /** Of a toolbox's request or a source's: which. */
  toolbox?: string;
  source?: string;
  /** 0 while it is open, and for a connection that was cut. */
  status: number;
  /** The response that was kept. */
  responseId?: string;
  /** The row of the table of refusals, or the rule that the answer broke. */
  refusal?: string;
  /** The JSON-RPC error code it was answered with. */
  rpcError?: number;
  /** What the container or the agent did against the contract without being refused. */
  violations?: readonly string[];
}

/** The headers whose values may be seen; a header nobody thought of is a secret until somebody did. */
const shown =
  /^(x-agent-.*|x-platform-.*|x-request-id|request-id|x-ms-client-request-id|traceparent|tracestate|baggage|correlation-context|request-context|ms-cv|user-agent|accept.*|content-(type|length|encoding)|foundry-features|mcp-(protocol-version|session-id)|host|connection)$/;

const kept = 20_000;

/** The entries so far, and how one is begun. */
export interface FoundryLog {
  readonly entries: FoundryRequest[];
  start(entry: FoundryRequest): FoundryRequest;
  finish(entry: FoundryRequest, status: number): void;
}

export function createLog(onRequest: ((entry: FoundryRequest) => void) | undefined): FoundryLog {
  const entries: FoundryRequest[] = [];
  return {
    entries,
    start(entry) {
      entries.push(entry);
      if (entries.length > kept) entries.splice(0, entries.length - kept);
      return entry;
    },
    finish(entry, status) {
      entry.status = status;
      onRequest?.(entry);
    },
  };
}

/** Headers as they may be seen. */
export function loggedHeaders(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const [given, value] of pairs) {
    const name = given.toLowerCase();
    const text = shown.test(name) ? value : "[redacted]";
    seen[name] = seen[name] === undefined ? text : `${seen[name]}, ${text}`;
  }
  return seen;
}

export function note(entry: FoundryRequest, violation: string): void {
  entry.violations = [...(entry.violations ?? []), violation];
}
