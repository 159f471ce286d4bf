import { createUserContext } from "../../request/create.js";
import { userTokenVerifier } from "../../user-token/verify.js";
import { audiencesOf, decodeClaims } from "../../entra/token-claims.js";
import type { EntraApp } from "../../exchange/entra-app.js";
import { userAccess } from "../../access/user-access.js";
import type { AccessExplanation } from "../../access/types.js";
import { onBehalfOf } from "../../sources/on-behalf-of.js";
import { passthrough } from "../../sources/passthrough.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";
import { isUserTokenError } from "../../errors.js";
import { failure, type Finding } from "../finding.js";
import type { Settings } from "../read-settings.js";
import { refusalIn, refusedBy } from "./app-token.js";

/** The findings about a user token. */
export interface CheckedUser {
  readonly findings: readonly Finding[];
  /** Which sources apply; `undefined` without a verified user. */
  readonly explained: AccessExplanation | undefined;
}

/** Verifies the user token as the middleware would, and tries the exchange once. */
export async function checkUserToken({
  app,
  resource,
  token,
  usable,
  settings,
  signal,
}: {
  readonly app: EntraApp | undefined;
  readonly resource: ProtectedResource | undefined;
  readonly token: string | undefined;
  readonly usable: boolean;
  readonly settings: Settings;
  readonly signal: AbortSignal;
}): Promise<CheckedUser> {
  const check = "user_token";
  const only = (finding: Finding): CheckedUser => ({ findings: [finding], explained: undefined });
  if (token === undefined)
    return only({
      check,
      status: "skip",
      detail: "none was given; pass --token-file <file> to try one, including consent.",
    });
  if (app === undefined)
    return only({
      check,
      status: "skip",
      detail: "set AZURE_TENANT_ID and APP_CLIENT_ID to check it.",
    });
  try {
    // A server may share the agent's app registration: then a token for it is a token for the agent.
    const isOwn = resource?.audiences.some((one) => app.audiences.includes(one.toLowerCase())) === true;
    const passthroughTo = resource === undefined || isOwn ? [] : [resource];
    const verify = userTokenVerifier({ app, passthroughTo, timeoutMs: settings.timeoutMs });
    const context = await createUserContext({ userToken: token }, { verify, signal });
    try {
      const { user } = context;
      const verified: Finding = {
        check,
        status: "ok",
        detail: `Verified: ${JSON.stringify(user?.username ?? user?.name ?? "a user")} (oid ${user?.oid}), audience ${JSON.stringify(audiencesOf(decodeClaims(token) ?? {})[0])}.`,
      };
      if (resource === undefined) return only(verified);
      const access = userAccess(resource, [passthrough(), onBehalfOf(app)], {
        timeoutMs: settings.timeoutMs,
      });
      const tried = usable
        ? [await exchange(app.clientId, () => access.as(context).token(undefined, { signal }))]
        : [];
      const explained = access.explain(context);
      await access.close();
      return { findings: [verified, ...tried], explained };
    } finally {
      context.end();
    }
  } catch (error) {
    return only(
      isUserTokenError(error) && error.code === "user_token_app_only"
        ? appOnly(failure(check, error))
        : failure(check, error),
    );
  }
}

function appOnly(finding: Finding): Finding {
  return {
    ...finding,
    fix: `${finding.fix ?? ""} In the back end use the authorization code flow (or on-behalf-of for its own caller), not client credentials.`,
  };
}

async function exchange(
  clientId: string,
  token: () => Promise<{ readonly source: string }>,
): Promise<Finding> {
  const check = "token_for_mcp";
  try {
    const { source } = await token();
    return {
      check,
      status: "ok",
      detail:
        source === "passthrough"
          ? "The user token is for the MCP server itself and can be passed through."
          : "Entra exchanged the user token for a token for the MCP server, with the same user.",
    };
  } catch (error) {
    const refusal = refusalIn(error);
    if (refusal === undefined) return failure(check, error);
    const failed = refusedBy(refusal, check);
    return refusal.category === "consent" ? { ...failed, fix: consentFix(clientId) } : failed;
  }
}

function consentFix(clientId: string): string {
  return `Give onBehalfOf() a consentLink, so that the user is asked in the chat. Or have an administrator consent for everyone (az ad app permission admin-consent --id ${clientId}). Or preauthorize the app on the MCP server's registration.`;
}
