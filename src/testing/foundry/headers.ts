/** What the gateway does with a header. */
export interface HeaderRule {
  /** A lower-case name, or a prefix with `*`. */
  readonly name: string;
  /**
   * "forwarded": the caller's value reaches the container unchanged. "stripped": it does not. "replaced":
   * the platform sets it, and nothing a caller sends under that name arrives.
   */
  readonly rule: "forwarded" | "stripped" | "replaced";
  readonly source: string;
}

const contract = "learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract";
const forwarding = `${contract}, "Forward custom request headers to your container"`;
const platform = `${contract}, "Platform request headers (container protocol 2.0.0)"`;

const forwarded = [
  "accept",
  "accept-encoding",
  "accept-language",
  "content-type",
  "content-length",
  "content-encoding",
  "traceparent",
  "tracestate",
  "baggage",
  "x-ms-client-request-id",
  "x-request-id",
  "request-id",
  "correlation-context",
  "request-context",
  "ms-cv",
  "user-agent",
  "x-client-*",
];

/** Every rule of the contract. A header that no row names is stripped. */
export const headerRules: readonly HeaderRule[] = [
  ...forwarded.map((name): HeaderRule => ({ name, rule: "forwarded", source: forwarding })),
  ...["authorization", "cookie", "host", "x-forwarded-*"].map((name): HeaderRule => ({
    name,
    rule: "stripped",
    source: forwarding,
  })),
  {
    name: "*",
    rule: "stripped",
    source: `${forwarding}: "Any header that doesn't match the allowlist is dropped"`,
  },
  { name: "x-agent-user-id", rule: "replaced", source: platform },
  { name: "x-agent-foundry-call-id", rule: "replaced", source: platform },
  {
    name: "x-agent-*",
    rule: "replaced",
    source: `${platform}: "read but don't override them"; no such header is on the allowlist`,
  },
];

const exact = new Set(forwarded.filter((name) => !name.endsWith("*")));

/** Whether a caller's header reaches the container. */
export function isForwarded(name: string): boolean {
  const lower = name.toLowerCase();
  return exact.has(lower) || lower.startsWith("x-client-");
}

/** The headers of a request as they came, repeated ones repeated. */
export function headerPairs(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  }
  return pairs;
}

/** What an answer of the container keeps on its way to the caller: everything but the connection's own. */
const ofTheConnection = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "content-encoding",
  "upgrade",
  "trailer",
  "te",
  "proxy-authenticate",
  "set-cookie",
]);

export function passedBack(pairs: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  return pairs.filter(([name]) => !ofTheConnection.has(name.toLowerCase()));
}
