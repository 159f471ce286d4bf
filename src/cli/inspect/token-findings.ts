import { entraAppFacts } from "../../exchange/app-facts.js";
import { audiencesOf, clientOf, scopesOf, stringClaim, type TokenClaims } from "../../entra/token-claims.js";
import {
  defaultClockToleranceS,
  isFoundryAudience,
  tokenChecks,
  useOf,
  type ClaimRules,
  type TokenCheckName,
} from "../../user-token/token-checks.js";
import { failure, type Finding } from "../finding.js";
import { audiencesOfResource, cloudOf, type Settings } from "../read-settings.js";

const graph: readonly string[] = ["00000003-0000-0000-c000-000000000000", "https://graph.microsoft.com"];

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
    if (error === undefined) return { check, status: "ok", detail: accepted[check](claims, rules) };
    if (check === "audience" && !isConfigured(settings))
      return {
        check,
        status: "warn",
        detail: `It is for ${shownAudience(claims)}. Pass --client-id and --mcp-client-id to see whether that is yours.`,
      };
    return { ...failure(check, error), ...betterFix(check, claims) };
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
): "app" | "resource" | "foundry" | "graph" | "other" {
  const use = useOf(claims, rulesOf(claims, settings))?.use;
  if (use !== undefined) return use;
  const [actual = ""] = audiencesOf(claims);
  if (isFoundryAudience(actual)) return "foundry";
  return isGraph(actual) ? "graph" : "other";
}

function isGraph(audience: string): boolean {
  return graph.includes(audience.replace(/\/$/, ""));
}

const accepted: Readonly<Record<ShownCheck, (claims: TokenClaims, rules: ClaimRules) => string>> = {
  tenant: ({ tid }) => `It comes from the tenant ${JSON.stringify(tid)}.`,
  issuer: (claims) =>
    `The issuer matches the tenant (version ${stringClaim(claims, "iss")?.endsWith("/v2.0") ? 2 : 1}).`,
  audience: (claims, rules) =>
    useOf(claims, rules)?.use === "app"
      ? `It is for your agent's app (${shownAudience(claims)}).`
      : `It is for the MCP server (${shownAudience(claims)}).`,
  lifetime: ({ exp }, { now }) => {
    const left = Math.round((exp ?? 0) - now / 1000);
    return left > 0
      ? `It is valid for another ${span(left)}.`
      : `It expired ${span(-left)} ago and is still accepted: clocks may differ by ${defaultClockToleranceS} s.`;
  },
  subject: (claims) =>
    `The subject is a user; the client ${JSON.stringify(clientOf(claims) ?? null)} has the scopes ${JSON.stringify(scopesOf(claims).join(" "))}.`,
};

/** A better fix than the error's own help. */
function betterFix(check: ShownCheck, claims: TokenClaims): { readonly fix?: string } {
  const [audience = ""] = audiencesOf(claims);
  if (check === "tenant")
    return { fix: "Sign in to the configured tenant, or list this one in allowedTenants of entraApp()." };
  if (check === "issuer") return { fix: "For another cloud or an emulator, set AZURE_AUTHORITY_HOST." };
  if (check === "audience" && isGraph(audience))
    return { fix: "Ask for a fully qualified scope of the agent's app: a bare scope means Graph." };
  if (check === "audience" && !isFoundryAudience(audience))
    return { fix: "Have the caller ask for a scope of the agent's app (api://<client id>/<scope>)." };
  return {};
}

function shownAudience(claims: TokenClaims): string {
  return JSON.stringify(audiencesOf(claims)[0] ?? null);
}

function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
