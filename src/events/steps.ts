import { isHostedAgentIdentityError } from "../errors/base.js";
import type { ErrorCategory, ErrorCode } from "../errors/codes.js";
import { ignoreRejection } from "../async/ignore-rejection.js";
import { isTokenExchangeError } from "../errors/token-exchange.js";

/**
 * A step that is about to be taken for somebody. Holds no token, link, name, or path of a URL.
 * @group Events
 */
export type IdentityStep =
  | {
      /** A user token is verified. */
      readonly step: "verify";
    }
  | {
      /** A token for a resource is wanted. */
      readonly step: "acquire";
      readonly serverLabel: string;
      /** Whether it has to meet a claims challenge, or have more scopes than usual. */
      readonly steppedUp: boolean;
      /** For whom: the canonical JSON of the principal. Personal data; leave it out of what others read. */
      readonly principal: string | undefined;
      /** The tracing headers of the request that is being answered, lower case. */
      readonly trace: Readonly<Record<string, string>>;
    }
  | {
      /** A request goes to an MCP server as a user, including what a refused token costs. */
      readonly step: "mcp_request";
      readonly serverLabel: string;
      /** Upper case. */
      readonly method: string;
      readonly address: string;
      readonly port: number;
      readonly principal: string | undefined;
      readonly trace: Readonly<Record<string, string>>;
    };

/**
 * Where a token came from. `hit`: out of this process's cache. `joined`: another caller was asking for it
 * already. `shared`: out of the shared cache. `exchange`: its source was asked. `none`: the source's tokens
 * are not cached, as with passthrough.
 * @group Events
 */
export type TokenCacheUse = "hit" | "joined" | "shared" | "exchange" | "none";

/**
 * Why a step failed: one of our codes, or of the system's (`ECONNREFUSED`, `UND_ERR_…`), or `aborted`,
 * `timeout`, `_OTHER`. Never a text that somebody else wrote.
 * @group Events
 */
export type StepError =
  | ErrorCode
  | "aborted"
  | "timeout"
  | "_OTHER"
  | `E${Uppercase<string>}`
  | `UND_ERR_${Uppercase<string>}`;

/**
 * How a step ended. Without the token, the answer or the error itself, so that no listener has them.
 * @group Events
 */
export interface StepEnd {
  readonly durationMs: number;
  /** `ok`, whose trouble it is, or `failed` when that is not known, as with a network. */
  readonly outcome: "ok" | "aborted" | "failed" | ErrorCategory;
  readonly error?: StepError;
  /** Entra's AADSTS codes, and the id that Microsoft's support asks for. */
  readonly errorCodes?: readonly number[];
  readonly correlationId?: string | undefined;
  /** The kind of the source that gave the token. */
  readonly source?: string;
  readonly cache?: TokenCacheUse;
  /** The HTTP status of the answer. */
  readonly status?: number;
}

/**
 * W3C trace context to send along.
 * @group Events
 */
export interface TraceHeaders {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/**
 * Runs around a step. Calls `run` once, and is told how it ended; that promise never rejects. What it returns
 * or throws changes nothing for the caller. The headers go with an `mcp_request` that has none of their kind.
 * @group Events
 */
export type AroundStep = (
  step: IdentityStep,
  run: (headers?: TraceHeaders) => Promise<StepEnd>,
) => Promise<void> | void;

/** Who may listen to steps. */
interface Listener {
  readonly around?: AroundStep;
}

/**
 * Takes a step with the listener around it, and lets no listener break it: whatever the listener does, the
 * step runs once and the caller gets what it gave.
 */
export function traced<T>(
  listener: Listener,
  step: IdentityStep,
  take: (headers: TraceHeaders | undefined) => Promise<T>,
  describe?: (result: T) => Partial<StepEnd>,
): Promise<T> {
  const started = performance.now();
  let taken: Promise<T> | undefined;
  const run = (headers?: TraceHeaders): Promise<StepEnd> => {
    taken ??= begin(take, headers);
    const durationMs = (): number => performance.now() - started;
    return taken.then(
      (result) => ({ durationMs: durationMs(), outcome: "ok", ...describe?.(result) }),
      (cause: unknown) => ({ durationMs: durationMs(), ...failure(cause) }),
    );
  };
  try {
    ignoreRejection(listener.around?.(step, run));
  } catch {
    // A listener's trouble is not the user's.
  }
  return (taken ??= begin(take, undefined));
}

/** A step that throws before it awaits is a step that failed. */
async function begin<T>(
  take: (headers: TraceHeaders | undefined) => Promise<T>,
  headers: TraceHeaders | undefined,
): Promise<T> {
  return take(headers);
}

function failure(cause: unknown): Omit<StepEnd, "durationMs"> {
  if (isHostedAgentIdentityError(cause)) {
    const { category: outcome, code: error } = cause;
    if (!isTokenExchangeError(cause)) return { outcome, error };
    const { errorCodes, correlationId } = cause;
    return { outcome, error, errorCodes, correlationId };
  }
  const name = cause instanceof Error ? cause.name : "";
  if (name === "AbortError") return { outcome: "aborted", error: "aborted" };
  if (name === "TimeoutError") return { outcome: "failed", error: "timeout" };
  return { outcome: "failed", error: systemCode(cause) ?? "_OTHER" };
}

/** What `fetch` hides in the cause of its TypeError. */
function systemCode(cause: unknown): StepError | undefined {
  for (let error: unknown = cause, depth = 0; error instanceof Error && depth < 4; depth += 1) {
    if ("code" in error && isSystemCode(error.code)) return error.code;
    error = error.cause;
  }
  return undefined;
}

function isSystemCode(code: unknown): code is `E${Uppercase<string>}` {
  return typeof code === "string" && /^(?:E[A-Z\d]{2,20}|UND_ERR_[A-Z_]{2,30})$/.test(code);
}
