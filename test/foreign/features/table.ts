import type { ClientKind } from "../../support/mcp-clients.js";
import { differences } from "./differences.js";
import { features, isOf2026, type Feature } from "./features.js";

/** A feature that came out as it should, at one server with one client. */
export interface Seen {
  readonly feature: Feature;
  readonly server: string;
  readonly kind: ClientKind;
  /** Whether it came out otherwise through us, as is meant. */
  readonly differs: boolean;
}

/** The table of the guide: a row for each feature, in the order of {@link features}. */
export function featureTable(seen: readonly Seen[]): string {
  const servers = [...new Set(seen.map(({ server }) => server))].sort();
  const rows = (Object.keys(features) as Feature[]).map((feature) => {
    const those = seen.filter((one) => one.feature === feature);
    const at = servers.flatMap((server, n) => (those.some((one) => one.server === server) ? [n + 1] : []));
    const ours = those.some(({ differs }) => differs) ? differences[feature]?.says : "yes";
    const revision = isOf2026(feature)
      ? "2026-07-28"
      : those.some(({ kind }) => kind === "v2-modern")
        ? "both"
        : "2025-11-25";
    return [
      features[feature],
      revision,
      those.length > 0 ? "yes" : "not seen",
      those.length > 0 ? ours : "not seen",
      at.join(", "),
    ];
  });
  return [
    "| feature of MCP | revision | static header | through us | seen at |",
    "|---|---|---|---|---|",
    ...rows.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...servers.map((server, n) => `${n + 1}. ${server}`),
  ].join("\n");
}
