import type { Feature } from "./features.js";

/** Something that comes out otherwise through us, and is meant to. */
export interface Difference {
  /** Whether an outcome through us is the one that is meant. */
  matches(outcome: string): boolean;
  /** The cell of the table. */
  readonly says: string;
}

const consent: Difference = {
  matches: (outcome) => outcome.startsWith("failed consent_required "),
  says: "[as a card](elicitation.md): the call fails with `consent_required`, and the turn ends with the consent request",
};

const listening: Difference = {
  matches: (outcome) => outcome.startsWith("failed -32601 The MCP client has no stream"),
  says: "no inside `pool.use()`, where `listen()` is refused as on a client that several users share; yes in [`open()` of the pool](hosts.md#servers-that-talk-first)",
};

/** All there are. A feature that is not here has to come out alike. */
export const differences: Partial<Readonly<Record<Feature, Difference>>> = {
  "elicitation url": consent,
  "elicitation -32042": consent,
  "input url": consent,
  "listen tools": listening,
  "listen resource": listening,
};
