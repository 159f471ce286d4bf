/** The kinds of token source in this package: what `explain()`, events and the command line call them. */
export const sourceKinds = [
  "passthrough",
  "on_behalf_of",
  "agent_on_behalf_of",
  "sign_in",
  "toolbox",
  "developer",
] as const;

/** One of {@link sourceKinds}. A source of one's own may have any other name. */
export type SourceKind = (typeof sourceKinds)[number];
