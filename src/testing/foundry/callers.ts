import { createHmac } from "node:crypto";
import { createLocalJWKSet, type JSONWebKeySet } from "jose";
import { jwtVerify, type JWTVerifyGetKey } from "jose/jwt/verify";
import type { EntraEmulator } from "../entra/emulator.js";
import { subjectIn } from "../entra/subject.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { Refused, refused } from "./refused.js";

/** Who sent a token: a person, or an app or managed identity as itself. */
export interface Caller {
  readonly kind: "person" | "app";
  readonly tid: string;
  readonly oid: string;
  /** As the test named it. */
  readonly name: string;
}

/** What callers' tokens are for. */
export const foundryAudience = "https://ai.azure.com";

export interface Callers {
  /** Checks an `Authorization` header. Throws a refusal. */
  verify(authorization: string | undefined): Promise<Caller>;
  /** Opaque, and the same for the same person in every agent. */
  userIdOf(caller: Caller): string;
  /** The id of a person whom a back end has named. */
  delegatedIdOf(identity: string): string;
}

interface CallersOptions {
  readonly entra: EntraEmulator;
  readonly tenantId: string;
  readonly fetch: (input: string) => Promise<Response>;
  readonly now: () => number;
}

/** Verifies with what Entra publishes, and makes the platform's ids. */
export function createCallers({ entra, tenantId, fetch, now }: CallersOptions): Callers {
  // The same person has the same id at every agent of a tenant, so at every emulator with the same Entra.
  const secret = `emulated platform of ${tenantId}`;
  const opaque = (...parts: readonly string[]): string =>
    createHmac("sha256", secret).update(JSON.stringify(parts)).digest("hex").slice(0, 48);
  let keys: JWTVerifyGetKey | undefined;
  const loadKeys = async (): Promise<JWTVerifyGetKey> => {
    const response = await fetch(`${entra.origin}/${tenantId}/discovery/v2.0/keys`);
    return createLocalJWKSet((await response.json()) as JSONWebKeySet);
  };

  const checked = async (token: string): Promise<Record<string, unknown>> => {
    const options = { audience: foundryAudience, currentDate: new Date(now()), algorithms: ["RS256"] };
    try {
      keys ??= await loadKeys();
      return (await jwtVerify(token, keys, options)).payload;
    } catch (error) {
      const { code, claim } = Object(error) as { code?: string; claim?: string };
      if (code === "ERR_JWKS_NO_MATCHING_KEY") {
        keys = await loadKeys();
        return (await jwtVerify(token, keys, options)).payload;
      }
      if (code === "ERR_JWT_EXPIRED") throw refused("token_expired");
      throw refused(claim === "aud" ? "token_audience" : "token_invalid");
    }
  };

  return {
    async verify(authorization) {
      const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
      if (token === undefined) throw refused("token_missing");
      const claims = await checked(token).catch((error: unknown) => {
        throw error instanceof Refused ? error : refused("token_invalid");
      });
      const { iss, tid, oid } = claims;
      if (typeof tid !== "string" || typeof oid !== "string") throw refused("token_invalid");
      const issuers = [`${entra.cloud.stsEndpoint}/${tid}/`, `${entra.origin}/${tid}/v2.0`];
      if (typeof iss !== "string" || !issuers.includes(iss)) throw refused("token_invalid");
      if (tid !== tenantId) throw refused("token_tenant");
      const subject = subjectIn(claims);
      if (subject !== "person" && subject !== "application") throw refused("token_invalid");
      const kind = subject === "person" ? "person" : "app";
      return { kind, tid, oid, name: nameOf(entra, oid) ?? oid };
    },
    userIdOf: ({ tid, oid }) => opaque("user", tid, oid),
    delegatedIdOf: (identity) => opaque("delegated", identity),
  };
}

/** The object ids of those whom a test named. Throws `invalid_option` for a name nobody declared. */
export function objectIds(entra: EntraEmulator, names: readonly string[]): ReadonlySet<string> {
  return new Set(
    names.map((name) => {
      const found =
        entra.users.find((user) => [user.name, user.upn, user.oid].includes(name))?.oid ??
        entra.apps.find((app) => [app.name, app.clientId].includes(name))?.objectId ??
        entra.managedIdentity.identities.find((one) => one.name === name)?.objectId;
      if (found !== undefined) return found;
      throw new HostedAgentIdentityError(
        "invalid_option",
        `startFoundry: nobody called ${JSON.stringify(name)} was declared.`,
      );
    }),
  );
}

function nameOf(entra: EntraEmulator, oid: string): string | undefined {
  return (
    entra.users.find((user) => user.oid === oid || Object.values(user.guestOids).includes(oid))?.name ??
    entra.apps.find((app) => app.objectId === oid)?.name ??
    entra.managedIdentity.identities.find((one) => one.objectId === oid)?.name
  );
}
