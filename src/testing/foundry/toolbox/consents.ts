import { randomBytes } from "node:crypto";
import type { ToolSource } from "./toolbox.js";

/** For whom a source is called. */
export interface Person {
  /** The platform's id. */
  readonly userId: string;
  /** The account that has to sign in, where the platform knows it: not for a person whom a back end named. */
  readonly account: { readonly tid: string; readonly oid: string } | undefined;
}

/** What a person has allowed Foundry for a connection. */
export interface Grant {
  readonly userId: string;
  readonly connection: string;
  /** Who signed in, by object id. */
  readonly oid: string | undefined;
  accessToken: string;
  /** Milliseconds since 1970. */
  expiresAt: number;
  refreshToken: string | undefined;
}

/** A consent link that was given out. */
export interface ConsentLink {
  readonly id: string;
  readonly person: Person;
  readonly source: ToolSource;
  readonly expiresAt: number;
  /** Once it has led to a sign-in page: what comes back with the code. */
  readonly state: string;
  used: boolean;
}

/** Grants by person and connection, and the links that lead to them. */
export interface Consents {
  grant(person: Person, source: ToolSource): Grant | undefined;
  keep(grant: Grant): void;
  /** Takes back grants; of everybody, or of one person. */
  revoke(connection: string, userId?: string): void;
  link(person: Person, source: ToolSource): ConsentLink;
  byId(id: string): ConsentLink | undefined;
  byState(state: string): ConsentLink | undefined;
  readonly grants: ReadonlyMap<string, Grant>;
}

const kept = 10_000;

export function createConsents(lifetimeMs: number, now: () => number): Consents {
  const grants = new Map<string, Grant>();
  const links = new Map<string, ConsentLink>();
  const keyOf = (userId: string, connection: string): string => JSON.stringify([userId, connection]);
  return {
    grants,
    grant: ({ userId }, { connection }) => grants.get(keyOf(userId, connection)),
    keep(grant) {
      grants.set(keyOf(grant.userId, grant.connection), grant);
    },
    revoke(connection, userId) {
      for (const [key, grant] of grants) {
        if (grant.connection === connection && (userId ?? grant.userId) === grant.userId) grants.delete(key);
      }
    },
    link(person, source) {
      const open = [...links.values()].find(
        (link) =>
          link.person.userId === person.userId &&
          link.source === source &&
          !link.used &&
          link.expiresAt > now(),
      );
      // Several tools of one turn ask for the same thing, and the person should be shown one link.
      if (open !== undefined) return open;
      const [id, state] = [randomBytes(24).toString("base64url"), randomBytes(24).toString("base64url")];
      const link = { id, person, source, expiresAt: now() + lifetimeMs, state, used: false };
      links.set(id, link);
      if (links.size > kept) links.delete(links.keys().next().value ?? "");
      return link;
    },
    byId: (id) => links.get(id),
    byState: (state) => [...links.values()].find((link) => link.state === state),
  };
}
