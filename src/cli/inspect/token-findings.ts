import { issuersOf } from "../../entra/clouds.js";
import { isGuid } from "../../entra/tenants.js";
import { audiencesOf, clientOf, scopesOf, stringClaim, type TokenClaims } from "../../entra/token-claims.js";
import { subjectOf } from "../../entra/token-subject.js";
import { failure, type Finding } from "../finding.js";
import { audiencesOfResource, cloudOf, type Settings } from "../settings.js";

const foundry = /^https:\/\/ai\.azure\.(com|us)\/?$/;
const graph: readonly string[] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

/** Issuer, audience, lifetime, and whose token it is. The signature is checked elsewhere. */
export function tokenFindings(claims: TokenClaims, settings: Settings): readonly Finding[] {
  return [
    issuer(claims, settings),
    audience(claims, settings),
    ...lifetime(claims, Date.now()),
    person(claims),
  ];
}

function issuer(claims: TokenClaims, settings: Settings): Finding {
  const check = "issuer";
  const { tid } = claims;
  const actual = stringClaim(claims, "iss");
  try {
    if (!isGuid(tid))
      return {
        check,
        status: "fail",
        code: "user_token_tenant",
        detail: "It names no tenant (tid).",
        fix: "Only tokens of Entra ID tenants are taken.",
      };
    if (settings.tenantId !== undefined && settings.tenantId.toLowerCase() !== tid.toLowerCase())
      return {
        check,
        status: "fail",
        code: "user_token_tenant",
        detail: `It comes from the tenant ${JSON.stringify(tid)}, configured is ${JSON.stringify(settings.tenantId)}.`,
        fix: "Sign in to the configured tenant, or list this one in allowedTenants of entraApp().",
      };
    const issuers = issuersOf(cloudOf(settings), tid.toLowerCase());
    return actual !== undefined && issuers.includes(actual)
      ? {
          check,
          status: "ok",
          detail: `The issuer is the tenant's own (version ${actual.endsWith("/v2.0") ? 2 : 1}).`,
        }
      : {
          check,
          status: "fail",
          code: "user_token_issuer",
          detail: `The issuer is ${JSON.stringify(actual ?? null)}; expected ${issuers.map((one) => JSON.stringify(one)).join(" or ")}.`,
          fix: "For another cloud or an emulator set AZURE_AUTHORITY_HOST.",
        };
  } catch (error) {
    return failure(check, error);
  }
}

/** Whom the token is for: our app, the MCP server, or somebody known for other reasons. */
export function audienceKind(
  claims: TokenClaims,
  settings: Settings,
): "app" | "resource" | "foundry" | "graph" | "other" {
  const audiences = audiencesOf(claims);
  const [actual = ""] = audiences;
  if (audiences.length !== 1) return "other";
  const ours = settings.clientId?.toLowerCase();
  if (ours !== undefined && [ours, `api://${ours}`].includes(actual)) return "app";
  if (audiencesOfResource(settings).includes(actual)) return "resource";
  if (foundry.test(actual)) return "foundry";
  return graph.includes(actual.replace(/\/$/, "")) ? "graph" : "other";
}

function audience(claims: TokenClaims, settings: Settings): Finding {
  const check = "audience";
  const actual = JSON.stringify(audiencesOf(claims)[0] ?? null);
  const configured = settings.clientId !== undefined || audiencesOfResource(settings).length > 0;
  switch (audienceKind(claims, settings)) {
    case "app":
      return { check, status: "ok", detail: `It is for your agent's app (${actual}).` };
    case "resource":
      return { check, status: "ok", detail: `It is for the MCP server (${actual}).` };
    case "foundry":
      return {
        check,
        status: "fail",
        code: "user_token_audience",
        detail: `It is for ${actual}, Foundry's own: it can neither be sent on nor exchanged.`,
        fix: "Let the caller ask for a second token, with a scope of the agent's app (api://<client id>/<scope>), and send it in x-client-user-token.",
      };
    case "graph":
      return {
        check,
        status: "fail",
        code: "user_token_audience",
        detail: `It is for Microsoft Graph (${actual}).`,
        fix: "Ask for a scope of the agent's app, written in full: a bare scope means Graph.",
      };
    default:
      return configured
        ? {
            check,
            status: "fail",
            code: "user_token_audience",
            detail: `It is for ${actual}: neither your agent's app nor the MCP server.`,
            fix: "Let the caller ask for a scope of the agent's app (api://<client id>/<scope>).",
          }
        : {
            check,
            status: "warn",
            detail: `It is for ${actual}. Whether that is yours can be said with --client-id and --mcp-client-id.`,
          };
  }
}

function lifetime({ exp, nbf }: TokenClaims, now: number): readonly Finding[] {
  const check = "lifetime";
  if (typeof exp !== "number")
    return [
      { check, status: "fail", code: "user_token_expired", detail: "It does not say when it expires." },
    ];
  const left = Math.round(exp - now / 1000);
  if (left <= 0)
    return [
      {
        check,
        status: "fail",
        code: "user_token_expired",
        detail: `It expired ${span(-left)} ago.`,
        fix: "Get a fresh one.",
      },
    ];
  if (typeof nbf === "number" && nbf - 60 > now / 1000)
    return [
      {
        check,
        status: "fail",
        code: "user_token_not_yet_valid",
        detail: `It is not valid for another ${span(Math.round(nbf - now / 1000))}.`,
        fix: "Check the clock of this host.",
      },
    ];
  return [{ check, status: "ok", detail: `It is valid for another ${span(left)}.` }];
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function person(claims: TokenClaims): Finding {
  const check = "whose";
  const client = JSON.stringify(clientOf(claims) ?? null);
  const subject = subjectOf(claims);
  switch (subject.kind) {
    case "agent_user":
      return {
        check,
        status: "fail",
        code: "user_token_agent_user",
        detail: "It stands for an agent's own user account, not for a person.",
      };
    case "application": {
      const roles = Array.isArray(claims["roles"]) ? claims["roles"].length : 0;
      return {
        check,
        status: "fail",
        code: "user_token_app_only",
        detail: `It stands for an application (client ${client}, ${roles} roles, no scp), not for a person.`,
        fix: "Send a token that a person obtained by signing in: authorization code flow, not client credentials.",
      };
    }
    case "unclear":
      return {
        check,
        status: "fail",
        code: "user_token_subject",
        detail: `It says neither that it stands for a person nor for an application: ${subject.detail}.`,
        fix: "Send an access token that a person obtained by signing in, with a scope of the agent's app.",
      };
    case "person":
      return {
        check,
        status: "ok",
        detail: `It stands for a person; the client ${client} may do ${JSON.stringify(scopesOf(claims).join(" "))}.`,
      };
  }
}
