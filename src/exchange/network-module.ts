import type { INetworkModule, NetworkRequestOptions, NetworkResponse } from "@azure/msal-node";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import type { FetchLike } from "../runtime/runtime.js";
import { parseJson, boundedText } from "../input/json-limits.js";

/** An answer of the token endpoint as it came, before MSAL touched it. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** MSAL's network, with our timeout, our view of the answer, and no retries of its own. */
export interface CapturingNetwork extends INetworkModule {
  /** The last answer of the token endpoint. */
  answer(): RawAnswer | undefined;
  /** What went wrong below HTTP, in our words. MSAL would wrap and shorten it. */
  failure(): HostedAgentIdentityError | undefined;
}

/** What a network module needs. */
export interface NetworkOptions {
  readonly fetch: FetchLike;
  readonly signal: AbortSignal;
  /** The login endpoint: on a loopback host it may be http, which MSAL refuses to call by that name. */
  readonly loginEndpoint: string;
}

/** The largest answer that is read; token responses are a few kilobytes. */
export const maxAnswerBytes = 1_048_576;

/** Makes the network of one private MSAL client. */
export function capturingNetwork(options: NetworkOptions): CapturingNetwork {
  let answer: RawAnswer | undefined;
  let failure: HostedAgentIdentityError | undefined;

  const send = async <T>(
    method: "GET" | "POST",
    url: string,
    request?: NetworkRequestOptions,
  ): Promise<NetworkResponse<T>> => {
    answer = undefined;
    try {
      const response = await options.fetch(originalScheme(url, options.loginEndpoint), {
        method,
        // Not "error", which Cloudflare Workers do not have. What redirects is refused below.
        redirect: "manual",
        signal: options.signal,
        headers: request?.headers ?? {},
        body: request?.body ?? null,
      });
      if (isRedirect(response)) {
        await response.body?.cancel();
        throw new HostedAgentIdentityError(
          "entra_bad_response",
          "The token endpoint answered with a redirect, which is not followed.",
        );
      }
      answer = await readAnswer(response);
    } catch (cause) {
      failure = asFailure(cause, options.signal);
      throw failure;
    }
    return { status: answer.status, headers: { ...answer.headers }, body: answer.body as T };
  };

  return {
    sendGetRequestAsync: (url, request) => send("GET", url, request),
    sendPostRequestAsync: (url, request) => send("POST", url, request),
    answer: () => answer,
    failure: () => failure,
  };
}

/** Node shows the redirect as it came; browsers and some runtimes hide its status. */
export function isRedirect({ status, type }: Response): boolean {
  return type === "opaqueredirect" || (status >= 300 && status < 400);
}

/** MSAL takes https authorities only; for a loopback login endpoint the configured scheme is put back. */
function originalScheme(url: string, loginEndpoint: string): string {
  const secured = loginEndpoint.replace(/^http:/, "https:");
  return url.startsWith(`${secured}/`) ? loginEndpoint + url.slice(secured.length) : url;
}

async function readAnswer(response: Response): Promise<RawAnswer> {
  const text = await boundedText(response, maxAnswerBytes);
  if (text === undefined)
    throw new HostedAgentIdentityError("entra_bad_response", "The token endpoint's answer is too large.");
  const headers = Object.fromEntries(response.headers);
  const json = parseObject(text);
  if (json !== undefined) return { status: response.status, headers, body: json };
  // A 5xx page of a proxy is a passing problem like any other 5xx; a 200 that is no JSON is not Entra.
  if (response.status >= 500 || response.status === 429)
    return { status: response.status, headers, body: {} };
  throw new HostedAgentIdentityError(
    "entra_bad_response",
    `The token endpoint answered HTTP ${response.status} with ${JSON.stringify(headers["content-type"] ?? "no content type")} instead of JSON.`,
  );
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value = parseJson(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function asFailure(cause: unknown, signal: AbortSignal): HostedAgentIdentityError {
  if (isHostedAgentIdentityError(cause)) return cause;
  if (signal.aborted && isHostedAgentIdentityError(signal.reason)) return signal.reason;
  return new HostedAgentIdentityError(
    "entra_unreachable",
    `The token endpoint could not be reached (${reasonOf(cause)}).`,
    { cause },
  );
}

/** The system's error code of a failed fetch: it says what happened and holds nothing else. */
function reasonOf(cause: unknown): string {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = typeof inner === "object" && inner !== null && "code" in inner ? inner.code : undefined;
  return typeof code === "string" ? code : "no connection";
}
