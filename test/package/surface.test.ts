import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorCodes } from "hosted-agent-identity";

/**
 * The public surface, frozen. A change here is a change of the contract: never weaken it to make a test
 * pass; write it into the changelog.
 */
const surface: Record<string, readonly string[]> = {
  ".": [
    "ConsentRequest",
    "ConsentRequiredError",
    "HostedAgentIdentityError",
    "NoTokenError",
    "TokenExchangeError",
    "UserContext",
    "UserTokenError",
    "adminConsentLink",
    "agentOnBehalfOf",
    "bindUserContext",
    "certificate",
    "clientSecret",
    "closeMcpClient",
    "createUserContext",
    "developer",
    "entraApp",
    "entraConsentLink",
    "errorCodes",
    "federatedCredential",
    "findConsentRequired",
    "foundryToolbox",
    "getUserContext",
    "isConsentRequiredError",
    "isHostedAgentIdentityError",
    "isNoTokenError",
    "isTokenExchangeError",
    "isUserTokenError",
    "mcpClientPool",
    "onBehalfOf",
    "passthrough",
    "principalKey",
    "protectedResource",
    "responses",
    "runWithUserContext",
    "runningTurns",
    "sdkV1Auth",
    "sdkV2Auth",
    "toolApproval",
    "tryGetUserContext",
    "userAccess",
    "userContext",
    "userTokenVerifier",
    "workloadIdentityFile",
  ],
  "./ai-sdk": ["aiSdkOutput"],
  "./consent": [
    "consentLinkPolicy",
    "consentReader",
    "isOAuthConsentRequest",
    "readConsentRequests",
    "toolboxConsentLinks",
  ],
  "./express": ["responses", "userContext", "webHandler"],
  "./fastify": ["responses", "userContext", "webHandler"],
  "./hono": ["responses", "userContext"],
  "./node": ["responses", "userContext", "webHandler"],
  "./openai-agents": ["agentsOutput"],
  "./otel": ["openTelemetry"],
  "./server": ["callerOf", "protectMcpServer"],
  "./sign-in": ["createSignIn", "fileStore", "memoryStore", "redisStore", "remoteSignIn", "signInApi"],
  "./testing": [
    "checkIsolation",
    "signInStoreSuite",
    "startEntra",
    "startFoundry",
    "startWitness",
    "testUserContext",
  ],
  "./turn": ["consentEvents", "oauthConsentRequest", "runTurn", "toSse", "withConsent"],
};

const codes: readonly string[] = [
  "user_token_missing",
  "user_token_repeated",
  "user_token_malformed",
  "user_token_too_large",
  "user_token_algorithm",
  "user_token_tenant",
  "user_token_issuer",
  "user_token_audience",
  "user_token_expired",
  "user_token_not_yet_valid",
  "user_token_signature",
  "user_token_key_unknown",
  "user_token_app_only",
  "user_token_agent_user",
  "user_token_subject",
  "user_token_scope",
  "user_token_client",
  "signing_keys_unavailable",
  "identity_header_repeated",
  "identity_header_invalid",
  "no_user_context",
  "context_ended",
  "invalid_option",
  "missing_dependency",
  "dependency_failed",
  "consent_link_missing",
  "consent_link_refused",
  "agent_consent_missing",
  "developer_source_refused",
  "no_token",
  "consent_required",
  "sign_in_required",
  "step_up_required",
  "token_exchange_failed",
  "entra_unreachable",
  "entra_timeout",
  "entra_bad_response",
  "client_credential_failed",
  "wrong_user",
  "backing_off",
  "closed",
  "url_not_allowed",
  "redirect_refused",
  "resource_unauthorized",
  "insufficient_scope",
  "shared_session",
  "mcp_server_unreachable",
  "mcp_server_failed",
  "pool_busy",
  "call_id_missing",
  "toolbox_source_failed",
  "turn_cancelled",
  "turn_timeout",
  "turn_idle",
  "invalid_run_output",
  "model_stream_cut",
  "run_failed",
  "user_not_identified",
  "long_running_refused",
  "quota_reached",
  "sign_in_too_large",
  "agent_not_identified",
  "agent_names_too_many_users",
  "sign_in_service_unavailable",
  "store_unavailable",
  "store_unsuitable",
  "store_corrupt",
];

const sources: Record<string, () => Promise<object>> = {
  ".": () => import("hosted-agent-identity"),
  "./ai-sdk": () => import("hosted-agent-identity/ai-sdk"),
  "./consent": () => import("hosted-agent-identity/consent"),
  "./express": () => import("hosted-agent-identity/express"),
  "./fastify": () => import("hosted-agent-identity/fastify"),
  "./hono": () => import("hosted-agent-identity/hono"),
  "./node": () => import("hosted-agent-identity/node"),
  "./openai-agents": () => import("hosted-agent-identity/openai-agents"),
  "./otel": () => import("hosted-agent-identity/otel"),
  "./server": () => import("hosted-agent-identity/server"),
  "./sign-in": () => import("hosted-agent-identity/sign-in"),
  "./testing": () => import("hosted-agent-identity/testing"),
  "./turn": () => import("hosted-agent-identity/turn"),
};

it.each(Object.keys(surface))("the entry %s exports exactly what it promises", async (entry) => {
  expect(Object.keys((await sources[entry]?.()) ?? {}).sort()).toEqual(surface[entry]);
});

it("has exactly the promised entries", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    exports: object;
  };
  expect(Object.keys(manifest.exports).sort()).toEqual([...Object.keys(surface), "./package.json"].sort());
});

it("has exactly the promised error codes, each with a title and a next step", () => {
  expect(Object.keys(errorCodes)).toEqual(codes);
  for (const { title, help } of Object.values(errorCodes))
    expect([title.endsWith("."), help.endsWith("."), title === help]).toEqual([true, true, false]);
});
