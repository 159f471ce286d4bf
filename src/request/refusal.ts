import { responseHeaders } from "../foundry/headers.js";
import { answerHeaders } from "./answer-headers.js";
import { isUserTokenError, type UserTokenError } from "../errors.js";
import type { EnvelopeCode } from "../errors/envelope-codes.js";
import { warnOf } from "../errors/warn-of.js";

/** The answer to a request whose user could not be verified. Nothing of the token is in it. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The platform's error envelope. */
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: string;
      readonly param: string | null;
      readonly code: string;
    };
  };
}

/**
 * The answer to a request whose context could not be created. For anything but a refused token, for example an error
 * of your own verifier, it is a plain 500, and the error's frames are printed as a warning. The error is not handed to
 * the host, which could go on without a verified user or show its message. `requestId` is the `x-request-id`.
 * Source: RFC 6750 section 3; hosted-agent contract, error envelope and `x-platform-error-source`.
 */
export function refusalOf(error: unknown, tokenHeader: string, requestId?: string | null): Refusal {
  const headers = {
    ...answerHeaders(requestId),
    "content-type": "application/json; charset=utf-8",
    "cache-control": "no-store",
  };
  if (!isUserTokenError(error)) {
    warnOf("userContext()", error);
    return failed(headers);
  }
  const { status, code, message, help } = error;
  const unauthorized = status === 401;
  const answered: Record<string, string> = {
    ...headers,
    [responseHeaders.errorSource]: unauthorized ? "user" : "upstream",
    [responseHeaders.errorDetail]: code,
  };
  if (unauthorized) answered["www-authenticate"] = challenge(error);
  if (error.retryAfterMs !== undefined) answered["retry-after"] = seconds(error.retryAfterMs);
  return {
    status,
    headers: answered,
    body: {
      error: {
        message: `${message} ${help}`,
        type: unauthorized ? "authentication_error" : "server_error",
        param: code.startsWith("user_token_") ? tokenHeader : null,
        code,
      },
    },
  };
}

function failed(headers: Refusal["headers"]): Refusal {
  const code = "server_error" satisfies EnvelopeCode;
  return {
    status: 500,
    headers: { ...headers, [responseHeaders.errorSource]: "upstream", [responseHeaders.errorDetail]: code },
    body: { error: { message: "The agent could not answer this request.", type: code, param: null, code } },
  };
}

/** {@link refusalOf} as a web-standard response. */
export function refusalResponse({ status, headers, body }: Refusal): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...headers } });
}

function challenge({ code, message }: UserTokenError): string {
  // RFC 6750 section 3.1: the answer to a request without a token names only the scheme.
  if (code === "user_token_missing") return 'Bearer realm=""';
  return `Bearer realm="", error="invalid_token", error_description="${quotable(message)}"`;
}

/** RFC 6750 section 3: printable ASCII without quotes and backslashes. Also cut, since values may be long. */
function quotable(text: string): string {
  return text
    .replaceAll('"', "'")
    .replace(/[^\x20-\x5b\x5d-\x7e]/g, "?")
    .slice(0, 500);
}

function seconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
