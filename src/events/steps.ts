import { isHostedAgentIdentityError } from "../errors/base.js";
import type { ErrorCategory, ErrorCode } from "../errors/codes.js";
import { ignoreRejection } from "../async/deadline.js";
import { isTokenExchangeError } from "../errors/token-exchange.js";

/**
 * A step that is about to run for a user. Holds no token, link, name, or path of a URL.
 * @group Events
 */
export type IdentityStep =
  | {
      /** A user token is verified. */
      readonly step: "verify";
    }
  | {
      /** A token for a resource is acquired. */
      readonly step: "acquire";
      readonly serverLabel: string;
      /** Whether the token has to meet a claims challenge, or needs more scopes than configured. */
      readonly steppedUp: boolean;
      /** The canonical JSON of the user's principal. Personal data: keep it out of shared logs. */
      readonly principal: string | undefined;
      /** The tracing headers of the request that is being answered, lower case. */
      readonly trace: Readonly<Record<string, string>>;
    }
  | {
      /** A request goes to an MCP server as a user, including the retry after a refused token. */
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
 * Where a token came from. `hit`: the cache of this process. `joined`: a request for it that was already under way.
 * `shared`: the shared cache. `exchange`: its source. `none`: the source's tokens are not cached, as with passthrough.
 * @group Events
 */
export type TokenCacheUse = "hit" | "joined" | "shared" | "exchange" | "none";

/**
 * Why a step failed: a code of this package or of the system (`ECONNREFUSED`, `UND_ERR_…`), or `aborted`, `timeout`,
 * `_OTHER`. Never text from outside.
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
 * How a step ended. It does not hold the token, the answer or the error, so that listeners cannot leak them.
 * @group Events
 */
export interface StepEnd {
  readonly durationMs: number;
  /** `ok`, the category of the error, or `failed` for an error without one, such as a network error. */
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
 * Runs around a step. It calls `run` once, whose promise resolves with how the step ended and never rejects. What it
 * returns or throws does not affect the caller. The headers are added to an `mcp_request` that has no trace headers.
 * @group Events
 */
export type AroundStep = (
  step: IdentityStep,
  run: (headers?: TraceHeaders) => Promise<StepEnd>,
) => Promise<void> | void;

/** Who may listen to steps. */
interface Listener {
  readonly around?: AroundStep;
  readonly isIdle?: () => boolean;
}

/** Whether a listener has something to do around a step at the moment. */
export function listens(listener: Listener): boolean {
  try {
    return listener.around !== undefined && listener.isIdle?.() !== true;
  } catch {
    return true;
  }
}

/**
 * Runs a step with the listener around it. Whatever the listener does, the step runs once and the caller gets its
 * result.
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
    // A failing listener must not fail the user's call.
  }
  return (taken ??= begin(take, undefined));
}

/** Turns what a step throws before it awaits into a rejection. */
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
