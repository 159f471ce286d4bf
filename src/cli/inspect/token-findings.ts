import { entraAppFacts } from "../../exchange/app-facts.js";
import { audiencesOf, clientOf, scopesOf, stringClaim, type TokenClaims } from "../../entra/token-claims.js";
import {
  defaultClockToleranceS,
  tokenChecks,
  useOf,
  wrongAudience,
  type ClaimRules,
  type TokenCheckName,
} from "../../user-token/token-checks.js";
import { wrongTokens, type WrongToken } from "../../errors/causes/user-token.js";
import { failure, type Finding } from "../finding.js";
import { audiencesOfResource, cloudOf, type Settings } from "../read-settings.js";

/** One finding for each check of the verifier, except the signature. */
export function tokenFindings(claims: TokenClaims, settings: Settings): readonly Finding[] {
  return shownChecks.map((check) => finding(check, claims, settings));
}

/** Scopes and clients that an agent requires are not known here. */
const shownChecks = [
  "tenant",
  "issuer",
  "audience",
  "lifetime",
  "subject",
] as const satisfies TokenCheckName[];
type ShownCheck = (typeof shownChecks)[number];

function finding(check: ShownCheck, claims: TokenClaims, settings: Settings): Finding {
  try {
    const rules = rulesOf(claims, settings);
    const error = tokenChecks[check](claims, rules);
    if (error === undefined && check === "lifetime" && (claims.exp ?? 0) * 1000 <= rules.now)
      return {
        check,
        status: "warn",
        detail: `It ${wrongTokens.tolerated.is}.`,
        fix: wrongTokens.tolerated.help,
      };
    if (error === undefined) return { check, status: "ok", detail: accepted[check](claims, rules) };
    if (check === "audience" && !isConfigured(settings))
      return {
        check,
        status: "warn",
        detail: `It is for ${shownAudience(claims)}. Pass --client-id and --mcp-client-id to see whether that is yours.`,
      };
    return { ...failure(check, error), ...betterFix(check) };
  } catch (error) {
    // The configured cloud is not a cloud.
    return failure(check, error);
  }
}

/** The rules of an agent with this configuration. A setting that is missing accepts anything. */
function rulesOf(claims: TokenClaims, settings: Settings): ClaimRules {
  const { clientId, tenantId } = settings;
  const cloud = cloudOf(settings);
  const anyTenant = typeof claims.tid === "string" ? claims.tid.toLowerCase() : "";
  const app =
    clientId === undefined
      ? { audiences: [], allowedTenants: [], cloud }
      : { ...entraAppFacts({ clientId, tenantId: tenantId ?? anyTenant }), cloud };
  const resource = audiencesOfResource(settings);
  return {
    app: { ...app, allowedTenants: [tenantId?.toLowerCase() ?? anyTenant] },
    passthroughAudiences: new Map(resource.map((one) => [one, resource[0] ?? one])),
    requiredScopes: [],
    clients: undefined,
    takes: "persons",
    clockToleranceS: defaultClockToleranceS,
    now: Date.now(),
  };
}

function isConfigured(settings: Settings): boolean {
  return settings.clientId !== undefined || audiencesOfResource(settings).length > 0;
}

/** The kind of audience: our app, the MCP server, or another well-known one. */
export function audienceKind(
  claims: TokenClaims,
  settings: Settings,
): "app" | "resource" | WrongToken | "other" {
  const rules = rulesOf(claims, settings);
  return useOf(claims, rules)?.use ?? wrongAudience(claims, rules.app.audiences) ?? "other";
}

const accepted: Readonly<Record<ShownCheck, (claims: TokenClaims, rules: ClaimRules) => string>> = {
  tenant: ({ tid }) => `It comes from the tenant ${JSON.stringify(tid)}.`,
  issuer: (claims) =>
    `The issuer matches the tenant (version ${stringClaim(claims, "iss")?.endsWith("/v2.0") ? 2 : 1}).`,
  audience: (claims, rules) =>
    useOf(claims, rules)?.use === "app"
      ? `It is for your agent's app (${shownAudience(claims)}).`
      : `It is for the MCP server (${shownAudience(claims)}).`,
  lifetime: ({ exp }, { now }) => `It is valid for another ${span(Math.round((exp ?? 0) - now / 1000))}.`,
  subject: (claims) =>
    `The subject is a user; the client ${JSON.stringify(clientOf(claims) ?? null)} has the scopes ${JSON.stringify(scopesOf(claims).join(" "))}.`,
};

/** A better fix than the error's own help, where a setting of the command may be wrong. */
function betterFix(check: ShownCheck): { readonly fix?: string } {
  if (check === "tenant")
    return { fix: "Sign in to the configured tenant, or list this one in allowedTenants of entraApp()." };
  return check === "issuer" ? { fix: "For another cloud or an emulator, set AZURE_AUTHORITY_HOST." } : {};
}

function shownAudience(claims: TokenClaims): string {
  return JSON.stringify(audiencesOf(claims)[0] ?? null);
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
