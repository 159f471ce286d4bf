import { createHash, randomUUID } from "node:crypto";
import { audiencesOf, decodeClaims } from "../entra/token-claims.js";
import { check, either, oneOf, optional, text } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import type { TokenUse } from "./state.js";
import { UserContext, type PlatformContext } from "./user-context.js";

/** Who a test runs for. */
export interface TestUserContextOptions {
  /** Default: one tenant id for all test contexts. */
  readonly tid?: string;
  /** Default: a new random one for each context, so that two contexts are two people. */
  readonly oid?: string;
  readonly name?: string;
  readonly username?: string;
  /** The user token. Default: an unsigned one with the claims below. `false` for a request without one. */
  readonly token?: string | false;
  /** Audience of the default token. With `use: "resource"`, of the principal, too. */
  readonly audience?: string;
  /** More claims of the default token, for example `{ scp: "access_as_user" }`. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /**
   * `app` (default): the token may be exchanged. `resource`: it serves passthrough only, and the principal is one
   * of its own.
   */
  readonly use?: "app" | "resource";
  readonly platform?: Partial<PlatformContext>;
  readonly clientHeaders?: Readonly<Record<string, string>>;
}

const anyObject = <T>() =>
  check<T>("object", "an object", (value: object) => typeof JSON.stringify(value) === "string");

/** The options of {@link testUserContext}. */
export const testContextOptions: OptionTable<TestUserContextOptions> = {
  tid: optional(text()),
  oid: optional(text()),
  name: optional(text()),
  username: optional(text()),
  token: optional(
    either(
      text(),
      check<false>("boolean", "false", (value: boolean) => !value),
    ),
  ),
  audience: optional(text()),
  claims: optional(anyObject<Readonly<Record<string, unknown>>>()),
  use: optional(oneOf("app", "resource")),
  platform: optional(anyObject<Partial<PlatformContext>>()),
  clientHeaders: optional(anyObject<Readonly<Record<string, string>>>()),
};

const testTenant = "00000000-0000-4000-8000-00000000c0de";
const testApp = "00000000-0000-4000-8000-00000000a990";

/**
 * A user context for unit tests: nothing is verified and no network is used. Run code under test with
 * `runWithUserContext(testUserContext(), ...)`, and end it with `context.end()`.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import { getUserContext, runWithUserContext } from "hosted-agent-identity";
 * import { testUserContext } from "hosted-agent-identity/testing";
 *
 * const context = testUserContext({ name: "Ada" });
 * runWithUserContext(context, () => console.log(getUserContext().user?.name));
 * context.end();
 * ```
 * @group Test kit
 */
export function testUserContext(options: TestUserContextOptions = {}): UserContext {
  const settings = readOptions("testUserContext", testContextOptions, options);
  const { tid = testTenant, oid = randomUUID(), name, username } = settings;
  const token = settings.token ?? unsignedToken(tid, oid, settings);
  const claims = token === false ? {} : (decodeClaims(token) ?? {});
  const audience = audiencesOf(claims)[0] ?? settings.audience ?? testApp;
  const proof: TokenUse = settings.use === "resource" ? { use: "resource", audience } : { use: "app" };
  return new UserContext({
    principal:
      token !== false && proof.use === "resource"
        ? { kind: "resource", tid, oid, audience }
        : { kind: "entra", tid, oid },
    user: { tid, oid, name, username },
    platform: { hosted: false, ...settings.platform },
    clientHeaders: settings.clientHeaders ?? {},
    trace: {},
    assertion: token === false ? undefined : { token, hash: hashOf(token), claims, ...proof },
  });
}

function unsignedToken(tid: string, oid: string, options: TestUserContextOptions): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: options.audience ?? testApp,
    tid,
    oid,
    scp: "access_as_user",
    ver: "2.0",
    iat: now,
    nbf: now,
    exp: now + 3600,
    name: options.name,
    ...options.claims,
  };
  return [{ alg: "RS256", typ: "JWT" }, claims].map(base64url).join(".") + ".not-signed";
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
