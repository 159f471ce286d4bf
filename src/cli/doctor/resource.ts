import { audiencesOf, decodeClaims } from "../../entra/token-claims.js";
import { resourceOfScope } from "../../entra/scopes.js";
import type { EntraApp } from "../../exchange/entra-app.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import { failure, type Finding } from "../finding.js";
import { appToken, refusalIn, refusedBy } from "./app-token.js";

/** Whether the tenant knows the resource of the scope, and whether its tokens have the configured audience. */
export async function checkResource({
  app,
  resource,
  usable,
  signal,
}: {
  readonly app: EntraApp | undefined;
  readonly resource: ProtectedResource | undefined;
  /** Whether the checks of app and credential passed. */
  readonly usable: boolean;
  readonly signal: AbortSignal;
}): Promise<readonly Finding[]> {
  if (resource === undefined) return [];
  const check = "resource";
  const [scope = ""] = resource.scopes;
  const named = resourceOfScope(scope) ?? scope;
  if (/^https:\/\/ai\.azure\.(com|us)$/i.test(named))
    return [
      {
        check,
        status: "fail",
        code: "invalid_option",
        detail: `The scope ${JSON.stringify(scope)} is Foundry's own: an MCP server does not accept its tokens.`,
        fix: "Set MCP_SCOPE to a scope of the MCP server's app (api://<MCP client id>/<scope>), or register the server in a toolbox.",
      },
    ];
  if (app === undefined || !usable)
    return [
      {
        check,
        status: "skip",
        detail: `${JSON.stringify(scope)} is well-formed; trying it needs a working app and credential.`,
      },
    ];
  try {
    return [known(named, resource, await appToken(app, named, signal))];
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === undefined) return [failure(check, error)];
    if (refusal.errorCodes.includes(501051))
      return [{ check, status: "ok", detail: `The tenant knows ${JSON.stringify(named)}.` }];
    const failed = refusedBy(refusal, check);
    return [{ ...failed, detail: `${JSON.stringify(named)}: ${failed.detail}` }];
  }
}

function known(named: string, { audiences }: ProtectedResource, token: string): Finding {
  const actual = audiencesOf(decodeClaims(token) ?? {});
  const check = "resource";
  if (actual.length === 0 || actual.some((one) => audiences.includes(one)))
    return {
      check,
      status: "ok",
      detail: `The tenant knows ${JSON.stringify(named)}; its tokens have the audience ${JSON.stringify(actual[0] ?? "unknown")}.`,
    };
  return {
    check,
    status: "warn",
    detail: `Tokens for ${JSON.stringify(named)} have the audience ${JSON.stringify(actual[0])}; configured: ${audiences.map((one) => JSON.stringify(one)).join(", ")}.`,
    fix: `Name ${JSON.stringify(actual[0])} in audiences of protectedResource() and in the MCP server's own check.`,
  };
}
