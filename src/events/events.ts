import { func, optional } from "../options/checks.js";
import type { ErrorCategory, ErrorCode } from "../errors/codes.js";
import { ignoreRejection } from "../async/deadline.js";
import type { OptionCheck } from "../options/option-table.js";
import type { AroundStep } from "./steps.js";

/**
 * Something worth counting or alarming on. Holds no token, link or personal data beyond object ids. New types
 * may come in any version; a type and its fields stay. The guide Observability says when each is raised.
 * @group Events
 */
export type IdentityEvent =
  | {
      readonly type: "token_acquired";
      readonly source: string;
      readonly serverLabel: string;
      readonly durationMs: number;
      /** It came from the shared cache: no source was asked. */
      readonly shared?: boolean;
    }
  | {
      readonly type: "token_refused";
      readonly serverLabel: string;
      readonly code: ErrorCode;
      readonly category: ErrorCategory;
      readonly errorCodes: readonly number[];
    }
  | {
      /** A request brought a user token, or headers that say who is asking, and they were not accepted. */
      readonly type: "user_token_refused";
      readonly code: ErrorCode;
      readonly category: ErrorCategory;
    }
  | { readonly type: "background_refresh_failed"; readonly serverLabel: string; readonly code: ErrorCode }
  | {
      /** A token came back for another user. Alarm on this event. */
      readonly type: "wrong_user";
      readonly expected: string;
      readonly correlationId?: string;
    }
  | {
      /** The store of the shared cache did not do this; such calls are left out for a while. */
      readonly type: "shared_cache_failed";
      readonly serverLabel: string;
      readonly call: "get" | "set" | "delete";
      readonly reason: "timeout" | "error";
      readonly pausedForMs: number;
    }
  | {
      readonly type: "shared_cache_recovered";
      readonly serverLabel: string;
      readonly call: "get" | "set" | "delete";
    }
  | {
      /** A shared token was sealed for another user, or changed. It was not used. */
      readonly type: "shared_cache_unreadable";
      readonly serverLabel: string;
    }
  | {
      readonly type: "back_off";
      readonly scope: "user" | "tenant" | "cloud" | "exchange";
      readonly forMs: number;
    }
  | {
      /** A pool closed a user's MCP client, or could not. */
      readonly type: "mcp_client_closed" | "mcp_client_close_failed";
      readonly reason: "idle" | "no_room" | "session_gone" | "forgotten" | "too_late" | "pool_closed";
    }
  | {
      /**
       * An MCP client outside a pool got no stream on which its server can ask and notify it. A server that waits for
       * the answer to such a question waits in vain.
       */
      readonly type: "standalone_stream_refused";
      readonly serverLabel: string;
    }
  | {
      /**
       * A request of an MCP server to a pooled client was declined: no call of the user was under way (any more), or
       * calls of two turns were. `method`: what it asked for, where that is an elicitation or sampling.
       */
      readonly type: "server_request_declined";
      readonly serverLabel: string;
      readonly reason: "no_turn" | "several_turns";
      readonly method?: "elicitation/create" | "sampling/createMessage" | undefined;
    }
  | {
      /**
       * A consent link was not shown, and the tool call or the turn failed. `from`: an item or event of the run, the
       * answer of a toolbox, a server that asks the user to open a URL, or a request of the turn that its policy refused. Origin and path, where it has them; what
       * looks random is taken out of the path, and the query is never shown.
       */
      readonly type: "consent_link_refused";
      readonly from: "run" | "toolbox" | "turn" | "elicitation";
      readonly serverLabel?: string;
      readonly origin?: string;
      readonly path?: string;
    }
  | {
      /** A run yielded an unknown event that names no open item. The client did not get it. */
      readonly type: "run_event_dropped";
      readonly eventType: string;
    }
  | {
      /** A user's sign-in was stored, or ended. `oid` is the account that signed in. */
      readonly type: "grant_stored" | "grant_ended";
      readonly oid: string;
      readonly reason: "signed_in" | "signed_out" | "revoked" | "account_disabled" | "refresh_lost";
    }
  | {
      /**
       * The server has replaced a refresh token, and the store did not take the new one. It is kept in memory and
       * written again until that works or the process ends; then the user has to sign in again.
       */
      readonly type: "grant_at_risk";
      readonly oid: string;
    }
  | {
      /** The function of `encryptionKeys` failed when it was asked again. The keys from before are used. */
      readonly type: "encryption_keys_failed";
      readonly code: ErrorCode;
    }
  | {
      /** A record of the audit was not written in time. With `required` and `attempt`, nothing was given. */
      readonly type: "audit_failed";
      readonly action: string;
      readonly stage: "attempt" | "outcome";
      /** `too_many`: earlier records are still being written. */
      readonly reason: "timeout" | "error" | "too_many";
      readonly required: boolean;
    }
  | {
      /** Long-running work acts for a user after the turn. For your audit; the id itself is never shown. */
      readonly type: "long_running_started" | "long_running_used" | "long_running_ended";
      readonly purpose: string;
      /** The canonical JSON of the principal it acts for. */
      readonly principal: string;
      /** Distinguishes pieces of work; it grants nothing. */
      readonly work: string;
      /** Milliseconds since the epoch. */
      readonly until: number;
    }
  | {
      /** A sign-in went no further; `reason` names the page the user saw, and the page shows `reference`. */
      readonly type: "sign_in_refused";
      readonly reason: string;
      readonly reference: string;
    }
  | {
      /** A page of sign-in failed. A page with `reference` says so, unless it was `/status`. */
      readonly type: "sign_in_failed";
      readonly code: ErrorCode | "unexpected";
      readonly reference?: string;
    }
  | {
      /** A sign-in service gave an agent a token for a user. For your audit. */
      readonly type: "agent_token_issued";
      /** The name under which the service serves the agent. */
      readonly agent: string;
      readonly serverLabel: string;
      /** The canonical JSON of the person's principal. */
      readonly principal: string;
      /** What named the user: a verified user token, or a platform id, which proves nothing. */
      readonly proof: "user_token" | "platform_user_id";
    }
  | {
      /** An agent named a user by a platform id that it has not sent to this process before. */
      readonly type: "agent_named_user";
      readonly agent: string;
      readonly principal: string;
    }
  | {
      /** An agent signed a person out at the sign-in service. */
      readonly type: "agent_signed_out_user";
      readonly agent: string;
      readonly principal: string;
      readonly proof: "user_token" | "platform_user_id";
    }
  | {
      /** The sign-in service refused a call; `agent` and `principal` as far as they were known. */
      readonly type: "agent_refused";
      readonly call: "tokens" | "page" | "redeem" | "prompt" | "settle" | "sign-out";
      readonly code: ErrorCode | "unexpected";
      readonly category: ErrorCategory;
      readonly agent?: string | undefined;
      readonly principal?: string | undefined;
    }
  | {
      /** A call of `remoteSignIn()` to the sign-in service failed. */
      readonly type: "sign_in_service_failed";
      readonly call: "tokens" | "page" | "redeem" | "prompt" | "settle" | "sign-out";
      readonly code: ErrorCode;
    }
  | {
      /** Sign-ins are kept in memory only: after a restart every user has to sign in again. */
      readonly type: "sign_in_store_volatile";
    }
  | {
      /** A run had a part that the Responses protocol cannot carry. Raised once per kind and run. */
      readonly type: "stream_part_skipped";
      readonly framework: "ai-sdk" | "openai-agents";
      /** The framework's name of the kind, at most 64 characters. */
      readonly part: string;
    };

/**
 * Takes events. Errors that it throws are ignored. A plain function is enough. A function with `around` is also called
 * for each step on the way to a token, cached or not, like `openTelemetry()` of `hosted-agent-identity/otel`.
 * @group Events
 */
export interface OnEvent {
  (event: IdentityEvent): void;
  readonly around?: AroundStep;
  /** Asked before each step: `true` while nothing would come of `around`, and the step runs without it. */
  readonly isIdle?: () => boolean;
}

/** Calls the listener. Its errors never reach the call that raised the event. */
export function emit(onEvent: OnEvent | undefined, event: IdentityEvent): void {
  try {
    ignoreRejection(onEvent?.(event));
  } catch {
    // A failing listener must not fail the user's call.
  }
}

/** The option `onEvent`. */
export const listener: OptionCheck<OnEvent | undefined> = /* @__PURE__ */ optional(
  /* @__PURE__ */ func<OnEvent>(),
);
