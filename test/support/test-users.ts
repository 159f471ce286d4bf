import { setTimeout as sleep } from "node:timers/promises";
import { type Principal, type TokenSource, UserContext } from "hosted-agent-identity";

const tid = "11111111-1111-4111-8111-111111111111";

/** A context of a person as a verified request of theirs would leave it, without a user token. */
export function contextOf(oid: string): UserContext {
  return new UserContext({
    principal: principalOf(oid),
    platform: { hosted: false },
    clientHeaders: {},
    trace: {},
  });
}

export function principalOf(oid: string): Principal {
  return { kind: "entra", tid, oid };
}

/** A context that names nobody. */
export function contextOfNobody(): UserContext {
  return new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} });
}

export interface TestIssuerOptions {
  /** How long its tokens are valid, in milliseconds. Default an hour. */
  lifetimeMs?: number;
  /** How long they may be given out without asking again, in milliseconds. Default as long as they are valid. */
  useMs?: number;
  delayMs?: () => number;
}

/** Issues opaque tokens that name a person, and reads them back the way a resource would. */
export interface TestIssuer {
  source: TokenSource;
  /** Whose live token this is. */
  whose(token: string): string | undefined;
  /** The resource refuses every token issued so far. */
  revokeAll(): void;
  issued: string[];
}

export function testIssuer({ lifetimeMs = 3_600_000, useMs, delayMs }: TestIssuerOptions = {}): TestIssuer {
  const live = new Map<string, { oid: string; expiresAt: number }>();
  const issued: string[] = [];
  return {
    issued,
    whose(token) {
      const known = live.get(token);
      return known === undefined || known.expiresAt <= Date.now() ? undefined : known.oid;
    },
    revokeAll: () => live.clear(),
    source: {
      kind: "test",
      provesUser: true,
      cacheScope: "",
      usesAssertion: false,
      cached: true,
      skip: () => undefined,
      async acquire({ context }) {
        await sleep(delayMs?.() ?? 0);
        const oid = context.principal?.kind === "entra" ? context.principal.oid : "";
        const token = `token-${issued.length}`;
        const expiresAt = Date.now() + lifetimeMs;
        live.set(token, { oid, expiresAt });
        issued.push(oid);
        const useUntil = useMs === undefined ? undefined : Date.now() + useMs;
        return { status: "token", token: { token, expiresAt, useUntil, source: "test" } };
      },
    },
  };
}
