import { TokenExchangeError } from "hosted-agent-identity";
import type { GrantIssuer } from "../../../src/sign-in/grants/issuer.js";
import type { Life } from "./faults.js";

/** How long its access tokens live, in milliseconds. */
export const accessTokenMs = 10 * 60_000;

/**
 * A server that replaces refresh tokens, and ends a grant whose token is used twice: in memory, so that its answers come
 * in the order that the test decides. `oidc-provider` does the same.
 */
export interface RotatingServer {
  /** What a sign-in gives. */
  grant(oid: string): { readonly refreshToken: string; readonly token: string };
  /** The same server, as one process calls it. */
  issuer(life: Life, now: () => number): GrantIssuer;
  /** Whose access token it is. */
  oidOf(token: string): string | undefined;
  /** Whether the refresh token can be used. */
  isGood(refreshToken: string): boolean;
  /** The grants that the second use of a refresh token has ended. */
  readonly lost: Loss[];
}

export interface Loss {
  readonly oid: string;
  /** Whether the process that used the token first has died or stood still since. */
  readonly isExcused: boolean;
}

interface RefreshToken {
  readonly family: { readonly oid: string; hasEnded: boolean };
  use?: { readonly by: Life; readonly standstills: number };
}

export function rotatingServer(): RotatingServer {
  const known = new Map<string, RefreshToken>();
  const access = new Map<string, string>();
  const lost: Loss[] = [];
  let count = 0;
  const issue = (family: RefreshToken["family"]): { refreshToken: string; token: string } => {
    count += 1;
    const [refreshToken, token] = [`refresh ${count}`, `access ${count}`];
    known.set(refreshToken, { family });
    access.set(token, family.oid);
    return { refreshToken, token };
  };
  const use = (refreshToken: string, by: Life): { refreshToken: string; token: string } => {
    const found = known.get(refreshToken);
    if (found === undefined || found.family.hasEnded) throw invalidGrant();
    if (found.use !== undefined) {
      found.family.hasEnded = true;
      const { by: first, standstills } = found.use;
      lost.push({
        oid: found.family.oid,
        isExcused: first.isDead() || first.standstills() > standstills,
      });
      throw invalidGrant();
    }
    found.use = { by, standstills: by.standstills() };
    return issue(found.family);
  };
  return {
    lost,
    grant: (oid) => issue({ oid, hasEnded: false }),
    oidOf: (token) => access.get(token),
    isGood(refreshToken) {
      const found = known.get(refreshToken);
      return found !== undefined && !found.family.hasEnded && found.use === undefined;
    },
    issuer: (life, now) => ({
      kind: "oauth",
      issuer: "https://rotating.example.com",
      clientId: "agent",
      resourceSet: "contacts",
      refreshes: "one_at_a_time",
      refresh: ({ refreshToken, beforeSend }) =>
        life.around("server")("server", async () => {
          beforeSend();
          const made = use(refreshToken, life);
          const time = now();
          return { ...made, expiresAt: time + accessTokenMs, refreshAt: time + 0.8 * accessTokenMs };
        }),
      verdict(cause) {
        if (!(cause instanceof TokenExchangeError)) return "unknown";
        return cause.error === "invalid_grant" ? "revoked" : "unused";
      },
      async revoke(refreshToken) {
        const family = known.get(refreshToken)?.family;
        if (family !== undefined) family.hasEnded = true;
      },
    }),
  };
}

function invalidGrant(): TokenExchangeError {
  return new TokenExchangeError("token_exchange_failed", "The server refused.", {
    status: 400,
    error: "invalid_grant",
  });
}
