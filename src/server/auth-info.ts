import { principalKey } from "../context/principal.js";
import type { VerifiedUser } from "../context/user-context.js";
import type { VerifiedUserToken } from "../user-token/verify.js";
import { clientOf, scopesOf } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { emit, type OnEvent } from "../events/events.js";
import { HostedAgentIdentityError, UserTokenError } from "../errors.js";
import { noUserContextCauses } from "../errors/causes/set-up.js";

/** An application that calls for itself, from its verified token. */
export interface EntraApplication {
  readonly tid: string;
  /** The object id of its service principal. */
  readonly oid: string;
  readonly roles: readonly string[];
}

/** Who is calling: a user or an application. It holds no other claim of the token. */
export type EntraAuthExtra = {
  readonly user?: VerifiedUser;
  readonly application?: EntraApplication;
};

/**
 * What a tool learns about the caller: `AuthInfo` of both SDKs (`extra.authInfo` in v1, `ctx.http.authInfo` in v2).
 * It holds the token, so that your server can exchange it; do not log it.
 * @group MCP server
 */
export interface EntraAuthInfo {
  token: string;
  /** The application that called: `azp`, in version 1 `appid`. */
  clientId: string;
  /**
   * The scopes of the user's token, each twice: as in `scp`, and fully qualified, as clients request it from Entra.
   * Use the qualified form where the SDK puts it into a challenge (`requiredScopes`, `requireScopes`). Empty for
   * applications.
   */
  scopes: string[];
  /** Seconds since 1970. */
  expiresAt: number;
  /** This server: the verifier has compared the audience, which is never a URL in Entra's tokens. */
  resource: URL;
  resourceMetadataUrl: string;
  extra: EntraAuthExtra;
}

interface CallerFacts {
  readonly tid: string;
  readonly oid: string;
  /** The application that called. */
  readonly clientId: string;
  /** The key for anything kept for this caller. */
  readonly principalKey: string;
}

/** A person who calls. `name` and `username` are for display: both can change. */
export interface UserCaller extends CallerFacts {
  readonly kind: "user";
  readonly name?: string | undefined;
  readonly username?: string | undefined;
}

/** An application that calls for itself. */
export interface ApplicationCaller extends CallerFacts {
  readonly kind: "application";
  readonly roles: readonly string[];
}

/** Who calls a tool: a user through an application, or an application as itself. */
export type Caller = UserCaller | ApplicationCaller;

/**
 * Who is calling, from the `authInfo` that a tool gets. Throws `no_user_context` where no token was verified, so a tool
 * that is served without the gate fails.
 *
 * Entry point: `hosted-agent-identity/server`.
 *
 * @example
 * ```ts
 * import { McpServer, type ServerContext } from "@modelcontextprotocol/server";
 * import { callerOf } from "hosted-agent-identity/server";
 *
 * export function contacts(): McpServer {
 *   const server = new McpServer({ name: "contacts", version: "1.0.0" });
 *   server.registerTool("whoami", {}, (context: ServerContext) => {
 *     const { oid } = callerOf(context.http?.authInfo);
 *     return { content: [{ type: "text", text: oid }] };
 *   });
 *   return server;
 * }
 * ```
 * @group MCP server
 */
export function callerOf(
  authInfo: { readonly clientId: string; readonly extra?: Readonly<Record<string, unknown>> } | undefined,
): Caller {
  const { user, application } = (authInfo?.extra ?? {}) as EntraAuthExtra;
  const who = user ?? application;
  if (authInfo === undefined || who === undefined) {
    throw new HostedAgentIdentityError(
      "no_user_context",
      "This call has come past the gate: nobody is calling.",
      noUserContextCauses.gate,
    );
  }
  const key = principalKey({ kind: "entra", tid: who.tid, oid: who.oid });
  const facts = { clientId: authInfo.clientId, principalKey: key };
  return user === undefined
    ? { kind: "application", ...(who as EntraApplication), ...facts }
    : { kind: "user", ...user, ...facts };
}

/** What the gate knows about the server: what tools see of it, and which applications may call it. */
interface ServerFacts {
  readonly url: URL;
  readonly metadataUrl: string;
  /** Roles of applications; `undefined` lets none in. */
  readonly roles: readonly string[] | undefined;
  readonly onEvent: OnEvent | undefined;
  qualified(scope: string): string;
}

/** Throws {@link UserTokenError} for an application without any of the roles, and for any other subject. */
export function authInfoOf(verified: VerifiedUserToken, settings: ServerFacts): EntraAuthInfo {
  const { claims, token } = verified.assertion;
  const extra = callerIn(verified, settings);
  const scopes = extra.user === undefined ? [] : scopesOf(claims);
  return {
    token,
    clientId: clientOf(claims) ?? "",
    scopes: [...scopes, ...scopes.map((scope) => settings.qualified(scope))],
    expiresAt: claims.exp ?? 0,
    resource: settings.url,
    resourceMetadataUrl: settings.metadataUrl,
    extra,
  };
}

function callerIn(verified: VerifiedUserToken, settings: ServerFacts): EntraAuthExtra {
  const subject = subjectOf(verified.assertion.claims);
  switch (subject.kind) {
    case "person":
      return { user: verified.user };
    case "application":
      return { application: applicationOf(verified, settings) };
    // The verifier has refused both.
    case "agent_user":
    case "unclear":
      throw new UserTokenError("user_token_subject");
  }
}

function applicationOf(
  { user, assertion }: VerifiedUserToken,
  { roles: accepted = [], onEvent }: ServerFacts,
): EntraApplication {
  const claim = assertion.claims["roles"];
  const roles = Array.isArray(claim) ? claim.filter((one): one is string => typeof one === "string") : [];
  // Any application of the tenant can get a token for this one. A role needs an administrator.
  if (!accepted.some((role) => roles.includes(role))) {
    const refused = new UserTokenError("user_token_app_only");
    emit(onEvent, { type: "user_token_refused", code: refused.code, category: refused.category });
    throw refused;
  }
  return Object.freeze({ tid: user.tid, oid: user.oid, roles: Object.freeze(roles) });
}
