/**
 * Header names of the hosted-agent container contract, protocol 2.0.0. Each may come once only: with two
 * values, nobody can say who is asking. Identity headers of earlier generations (`x-agent-user-isolation-key`,
 * `x-agent-chat-isolation-key`, `x-aml-oid`, `x-aml-tid`) are read nowhere.
 * Source: learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract.
 */
export const platformHeaders = {
  /** Opaque, one for each verified caller; not the object id of Entra. Never sent onward. */
  userId: "x-agent-user-id",
  /** Opaque, one for each request; sent unchanged to services of Foundry, and to nobody else. */
  callId: "x-agent-foundry-call-id",
  sessionId: "x-agent-session-id",
  invocationId: "x-agent-invocation-id",
  responseId: "x-agent-response-id",
  conversationId: "x-agent-conversation-id",
} as const;

/** The only prefix under which a caller's own headers reach the container. */
export const clientHeaderPrefix = "x-client-";

/** Where calling back ends put the user's token, by convention. */
export const defaultUserTokenHeader = "x-client-user-token";

/** Tracing headers that the platform passes on. */
export const traceHeaders: readonly string[] = [
  "traceparent",
  "tracestate",
  "baggage",
  "x-request-id",
  "request-id",
  "x-ms-client-request-id",
  "correlation-context",
  "request-context",
  "ms-cv",
];

/** Response headers a container should set. Source: hosted-agent contract, "response headers". */
export const responseHeaders = {
  sessionId: "x-agent-session-id",
  requestId: "x-request-id",
  server: "x-platform-server",
  errorSource: "x-platform-error-source",
  errorDetail: "x-platform-error-detail",
} as const;

/** Whose doing an error is: the request's, the platform's, or that of the agent and what it calls. */
export type ErrorSource = "user" | "platform" | "upstream";

/** Whether a text can be one header value, and one id: printable, without spaces, not endless. */
export function isHeaderSafe(value: unknown): value is string {
  return typeof value === "string" && /^[!-~]{1,256}$/.test(value);
}

/** The feature header that a toolbox wants on each request. Source: agent-framework, the toolbox handler. */
export const toolboxFeature = { header: "foundry-features", flag: "Toolboxes=V1Preview" } as const;

/**
 * Headers that say who is asking. They come to an agent from the platform or the caller and are never sent
 * onward as they came. `x-ms-user-identity` is a back end's statement to the gateway.
 * Source: hosted-agent contract, "platform request headers".
 */
export function isIdentityHeader(name: string): boolean {
  return /^(?:x-agent-|x-client-|x-aml-|x-ms-user-identity$|x-ms-(?:user|chat)-isolation-key$)/i.test(name);
}
