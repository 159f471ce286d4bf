import type { ErrorCategory, ErrorCode } from "./codes.js";

/**
 * Something worth counting or alarming on. Holds no token, link or personal data beyond object ids.
 * @group Events
 */
export type IdentityEvent =
  | {
      readonly type: "token_acquired";
      readonly source: string;
      readonly serverLabel: string;
      readonly durationMs: number;
    }
  | {
      readonly type: "token_refused";
      readonly serverLabel: string;
      readonly code: ErrorCode;
      readonly category: ErrorCategory;
      readonly errorCodes: readonly number[];
    }
  | {
      /** A request brought a user token that was not accepted. */
      readonly type: "user_token_refused";
      readonly code: ErrorCode;
      readonly category: ErrorCategory;
    }
  | { readonly type: "background_refresh_failed"; readonly serverLabel: string; readonly code: ErrorCode }
  | {
      /** A token came back for somebody else. Alarm on this one. */
      readonly type: "wrong_user";
      readonly expected: string;
      readonly correlationId?: string;
    }
  | { readonly type: "back_off"; readonly scope: "user" | "app"; readonly forMs: number }
  | {
      /** A pool closed a user's MCP client, or could not. */
      readonly type: "mcp_client_closed" | "mcp_client_close_failed";
      readonly reason: "idle" | "no_room" | "session_gone" | "pool_closed";
    };

/** Takes events; what it throws is ignored. */
export type OnEvent = (event: IdentityEvent) => void;

/** Hands an event to the listener, and lets no listener break a call. */
export function emit(onEvent: OnEvent | undefined, event: IdentityEvent): void {
  try {
    onEvent?.(event);
  } catch {
    // A listener's trouble is not the user's.
  }
}
