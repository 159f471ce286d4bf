import { decodeJwt } from "jose";

/**
 * The demo's picture of who called whom. Every server of the demo reports its own calls here; a hop holds
 * names, audiences and outcomes, and never a token, a code, a secret or a link.
 */
export interface Hop {
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly from: Party;
  /** Absent for what a party does on its own. */
  readonly to?: Party;
  readonly what: string;
  /** Whom the token that went along is for; absent when none went along. */
  readonly audience?: string;
  /** The person the call is made for. */
  readonly subject?: Subject;
  /** The way the token was come by, for example `on-behalf-of`. */
  readonly way?: string;
  /** What became of it; absent while the call is running. */
  readonly outcome?: string;
}

export type Party = "browser" | "back end" | "gateway" | "agent" | "Entra" | "MCP server";

export interface Subject {
  readonly oid: string;
  readonly name?: string;
}

export type HopStart = Omit<Hop, "id" | "at" | "outcome">;

/** A hop under way: tell what became of it, and for whom it was when that is known only now. */
export interface OpenHop {
  end(outcome: string, found?: Partial<Pick<Hop, "audience" | "subject" | "way">>): void;
}

export interface HopLog {
  start(hop: HopStart): OpenHop;
  /** The hops made for one person, oldest first. */
  of(oid: string): readonly Hop[];
  /** Shows what is made for a person also to whoever turned out to be that person, past hops included. */
  join(visitor: string, oid: string): void;
  /** Calls `listener` for every new or changed hop of one person until the returned function is called. */
  watch(oid: string, listener: (hop: Hop) => void): () => void;
}

const kept = 500;

export function createHopLog(): HopLog {
  const hops: Hop[] = [];
  const listeners = new Set<(hop: Hop) => void>();
  const persons = new Map<string, string>();
  let last = 0;

  function tell(hop: Hop): void {
    for (const listener of listeners) listener(hop);
  }

  const concerns = (hop: Hop, watcher: string): boolean =>
    hop.subject !== undefined && [watcher, persons.get(watcher)].includes(hop.subject.oid);

  return {
    join(visitor, oid) {
      persons.set(visitor, oid);
      for (const hop of hops) if (hop.subject?.oid === oid) tell(hop);
    },
    start(init) {
      let hop: Hop = { id: ++last, at: Date.now(), ...init };
      hops.push(hop);
      if (hops.length > kept) hops.shift();
      tell(hop);
      return {
        end(outcome, found = {}) {
          const index = hops.indexOf(hop);
          hop = { ...hop, ...found, outcome };
          if (index >= 0) hops[index] = hop;
          tell(hop);
        },
      };
    },
    of: (oid) => hops.filter((hop) => concerns(hop, oid)),
    watch(oid, listener) {
      const own = (hop: Hop): void => {
        if (concerns(hop, oid)) listener(hop);
      };
      listeners.add(own);
      return () => listeners.delete(own);
    },
  };
}

/** What a token says about itself, **not verified**: for the picture only, never for a decision. */
export function describeToken(token: string | null | undefined): { audience?: string; subject?: Subject } {
  if (token === null || token === undefined) return {};
  try {
    const { aud, oid, name } = decodeJwt<{ oid?: string; name?: string }>(token.replace(/^Bearer /i, ""));
    const subject = oid === undefined ? {} : { subject: { oid, ...(name === undefined ? {} : { name }) } };
    return { ...(aud === undefined ? {} : { audience: [aud].flat().join(", ") }), ...subject };
  } catch {
    return { audience: "not a JSON Web Token" };
  }
}

/** One line of text for a terminal. `label` turns a client id or app-ID URI into the app's name. */
export function hopLine(hop: Hop, label: (audience: string) => string): string {
  const facts = [
    hop.audience === undefined ? undefined : `audience ${label(hop.audience)}`,
    hop.subject === undefined ? undefined : `for ${hop.subject.name ?? hop.subject.oid}`,
    hop.way === undefined ? undefined : `way ${hop.way}`,
  ].filter((fact) => fact !== undefined);
  const known = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  const route = hop.to === undefined ? hop.from : `${hop.from} -> ${hop.to}`;
  return `${route}: ${hop.what}${known}: ${hop.outcome ?? "running"}`;
}
