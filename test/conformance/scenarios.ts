import type { ClientKind } from "../support/mcp-clients.js";

/** Which scenarios of one release of the suite are played with which SDK. */
export interface Plan {
  /** The release, exactly. */
  readonly release: string;
  /** The Node that the suite itself needs, where it is not the one at hand: a version of the npm package `node`. */
  readonly node?: string;
  readonly sdk: ClientKind;
  readonly spec?: string;
  readonly scenarios: readonly string[];
}

const transport = ["tools_call", "sse-retry", "elicitation-sep1034-client-defaults"];
const grants = ["auth/client-credentials-basic", "auth/client-credentials-jwt"];
const next = { release: "0.2.0-alpha.12", node: "24" } as const;

/** 0.1.13 is the newest release that runs on Node 20; what came later is in the newest one. */
export const plans: readonly Plan[] = [
  { release: "0.1.13", sdk: "v1", scenarios: ["initialize", ...transport, ...grants] },
  { release: "0.1.13", sdk: "v2-legacy", scenarios: ["initialize", ...transport, ...grants] },
  ...(["v1", "v2-legacy"] as const).map((sdk) => ({
    ...next,
    sdk,
    scenarios: ["auth/wif-jwt-bearer", "auth/enterprise-managed-authorization"],
  })),
  {
    ...next,
    sdk: "v2-modern",
    spec: "2026-07-28",
    scenarios: [
      "tools_call",
      "request-metadata",
      "http-standard-headers",
      "http-custom-headers",
      "http-invalid-tool-headers",
      "json-schema-ref-no-deref",
      "json-schema-2020-12-preservation",
      "sep-2322-client-request-state",
    ],
  },
];
