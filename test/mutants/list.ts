import { elicitationMutants } from "./elicitation.js";
import { backOffMutants } from "./back-off.js";
import { bindingMutants } from "./binding.js";
import { boundedKeyMutants } from "./bounded-keys.js";
import { boundMutants } from "./bounds.js";
import { claimMutants } from "./claims.js";
import { commandLineMutants } from "./command-line.js";
import { demandMutants } from "./demands.js";
import { discretionMutants } from "./discretion.js";
import { agentIdentityMutants } from "./foundry-agent.js";
import { foundryGatewayMutants } from "./foundry-gateway.js";
import { containerMutants } from "./foundry-container.js";
import { foundryToolboxMutants } from "./foundry-toolbox.js";
import { forgottenMutants } from "./forgotten.js";
import { frameworkMutants } from "./frameworks.js";
import { grantMutants } from "./grants.js";
import { mcpServerMutants } from "./mcp-server.js";
import type { Mutant } from "./mutant.js";
import { responsesContractMutants } from "./responses-contract.js";
import { keptConnectionMutants } from "./kept-connections.js";
import { limitMutants } from "./limits.js";
import { linkMutants } from "./links.js";
import { operatorMutants } from "./operator.js";
import { otelMutants } from "./otel.js";
import { pageMutants } from "./pages.js";
import { proofMutants } from "./proof.js";
import { reportedErrorMutants } from "./reported-errors.js";
import { turnMutants } from "./turns.js";
import { postgresMutants } from "./postgres.js";
import { redisMutants } from "./redis.js";
import { sqliteMutants } from "./sqlite.js";
import { standaloneStreamMutants } from "./standalone-streams.js";
import { twoClocksMutants } from "./two-clocks.js";
import { typedMutants } from "./typed.js";
import { serverCallMutants } from "./server-calls.js";
import { sharedBetweenServersMutants } from "./shared-between-servers.js";
import { sharedCacheMutants } from "./shared-cache.js";
import { takenOverAgentMutants } from "./taken-over-agent.js";
import { whatIsSentMutants } from "./what-is-sent.js";
import { wrongTokenMutants } from "./wrong-tokens.js";

const fetchTests = ["test/access/fetch.test.ts"];
const acquireTests = ["test/tokens/acquire.test.ts"];
const exchangeTests = ["test/exchange/on-behalf-of-exchange.test.ts"];

/** The guards of the rules in docs/security.md, and the tests that must notice when one is gone. */
export const mutants: readonly Mutant[] = [
  {
    name: "any-url",
    rule: 1,
    find: "const url = options.matches(href);",
    replace: "const url = options.matches(href) ?? href;",
    tests: fetchTests,
  },
  {
    name: "path-prefix-without-segment",
    rule: 1,
    find: "target.pathname.startsWith(`${path}/`)",
    replace: "target.pathname.startsWith(path)",
    tests: ["test/access/url-match.test.ts"],
  },
  {
    name: "encoded-slash-accepted",
    rule: 1,
    find: 'isSuspicious(url.split(/[?#]/, 1)[0] ?? "") || !URL.canParse(url)',
    replace: "!URL.canParse(url)",
    tests: ["test/access/url-match.test.ts"],
  },
  {
    name: "inbound-authorization-kept",
    rule: 1,
    find: "{ ...init.headers, authorization: `Bearer ${token.token}` }",
    replace: "{ authorization: `Bearer ${token.token}`, ...init.headers }",
    tests: fetchTests,
  },
  {
    name: "redirect-off-the-resource",
    rule: 1,
    find: "options.matches(new URL(location, from).href)",
    replace: "new URL(location, from).href",
    tests: fetchTests,
  },
  {
    name: "redirect-with-changed-method",
    rule: 1,
    find: "if (!keepsMethod) throw",
    replace: "if (!keepsMethod && keepsMethod) throw",
    tests: fetchTests,
  },
  {
    name: "passthrough-of-any-audience",
    rule: 2,
    find: "!actual.some((audience) => resource.audiences.includes(audience))",
    replace: "actual.length === 0",
    tests: acquireTests,
  },
  {
    name: "exchange-of-a-passthrough-token",
    rule: 2,
    find: 'assertion.use !== "app" || !actual.some((audience) => audiences.includes(audience))',
    replace: "actual.length === 0",
    tests: acquireTests,
  },
  {
    name: "call-without-a-user",
    rule: 3,
    find: 'if (token === undefined) throw new HostedAgentIdentityError(ended === undefined ? "no_user_context" : "context_ended");',
    replace: "if (token === undefined) return options.fetch(url, init);",
    tests: fetchTests,
  },
  {
    name: "developer-as-a-machine",
    rule: 3,
    find: 'if (claims === undefined || subjectOf(claims).kind !== "person") {',
    replace: "if (claims === undefined) {",
    tests: ["test/sources/developer.test.ts"],
  },
  {
    name: "developer-in-the-hosted-environment",
    rule: 3,
    find: 'const known = knownHosts.find(({ variable }) => (env[variable] ?? "") !== "");',
    replace: "const known = knownHosts.find(() => false);",
    tests: ["test/sources/developer.test.ts"],
  },
  {
    name: "developer-in-production",
    rule: 3,
    find: 'env["NODE_ENV"]?.trim().toLowerCase() === "production"',
    replace: "(false as boolean)",
    tests: ["test/sources/developer.test.ts"],
  },
  {
    name: "developer-without-a-word",
    rule: 3,
    find: 'if (/^(?:1|true)$/i.test(env[developerVariable]?.trim() ?? "")) return undefined;',
    replace: "return undefined;",
    tests: ["test/sources/developer.test.ts"],
  },
  {
    name: "developer-source-asks-nobody",
    rule: 3,
    find: "const refusal = developerRefusal(environment ?? process.env);",
    replace: 'const refusal = developerRefusal({ HOSTED_AGENT_IDENTITY_DEVELOPER: "1" });',
    tests: ["test/sources/developer.test.ts"],
  },
  {
    name: "toolbox-as-the-developer-without-a-word",
    rule: 3,
    find: "if (!developer)\n    throw new HostedAgentIdentityError(",
    replace: "if (false as boolean)\n    throw new HostedAgentIdentityError(",
    tests: ["test/toolbox/foundry-toolbox.test.ts"],
  },
  {
    name: "cache-without-the-principal",
    rule: 4,
    find: 'const made = `${context.principalKey ?? "null"} ${state.keyParts} ${hash}`;',
    replace: "const made = state.keyParts;",
    tests: acquireTests,
  },
  {
    name: "cache-without-the-claims",
    rule: 4,
    find: "const plain = claims === undefined && scopes === undefined;",
    replace: "const plain = true;",
    tests: acquireTests,
  },
  {
    name: "no-single-flight",
    rule: 6,
    in: "flights",
    find: "if (known !== undefined) return known;",
    replace: "",
    tests: acquireTests,
  },
  {
    name: "abort-reaches-the-shared-work",
    rule: 6,
    find: "fetchToken(state, acquisition, mayKeep)",
    replace:
      'Promise.race([fetchToken(state, acquisition, mayKeep), new Promise<never>((_, leave) => acquisition.asked.signal?.addEventListener("abort", () => leave(new Error("left"))))])',
    tests: acquireTests,
  },
  {
    name: "exchange-in-the-home-tenant",
    rule: 7,
    in: "exchangeOnBehalfOf",
    find: "tenantId: request.account.tid,",
    replace: "tenantId: app.facts.tenantId,",
    tests: exchangeTests,
  },
  {
    name: "a-later-source-after-any-refusal",
    rule: 8,
    find: 'if (cause.category !== "consent") throw cause;',
    replace: 'if (cause.category !== "consent") return { status: "needs", error: cause, requests: [] };',
    tests: acquireTests,
  },
  {
    name: "suberror-ignored",
    rule: 8,
    find: "if (bySuberror !== undefined) return bySuberror;",
    replace: "",
    tests: ["test/entra/classify.test.ts"],
  },
  {
    name: "claims-after-the-code",
    rule: 8,
    find: 'if (refusal.claims !== undefined) return "stepup";',
    replace: "",
    tests: ["test/entra/classify.test.ts"],
  },
  {
    name: "no-deadline",
    rule: 11,
    find: "const timer = inBackground(setTimeout(() => abort(onTimeout()), ms));",
    replace: "const timer = inBackground(setTimeout(() => onTimeout(), ms));",
    tests: exchangeTests,
  },
  {
    name: "unbounded-cache",
    rule: 11,
    find: "while (entries.size > maxEntries || state.bytes > maxBytes) removeOldest(state);",
    replace: "",
    tests: acquireTests,
  },
  {
    name: "msal-error-classes",
    rule: 12,
    find: "if (answer === undefined) throw notSent(msalFailure);",
    replace: "if (answer === undefined || msalFailure !== undefined) throw notSent(msalFailure);",
    tests: exchangeTests,
  },
  {
    name: "token-after-the-turn",
    rule: 13,
    find: 'if (internals.ended) throw new HostedAgentIdentityError("context_ended");',
    replace: "",
    tests: [...acquireTests, ...fetchTests],
  },
  {
    name: "late-token-after-the-turn",
    rule: 13,
    find: "const token = await settleOrAbort(settled, asked.signal); liveInternalsOf(context);",
    replace: "const token = await settleOrAbort(settled, asked.signal);",
    tests: acquireTests,
  },
  {
    name: "exchange-inside-the-user-context",
    rule: 13,
    in: "tokenInTime",
    find: "await runWithoutUserContext(() =>",
    replace: "await ((run: () => Promise<AccessToken>) => run())(() =>",
    tests: acquireTests,
  },
  {
    name: "whose-token-unproven",
    rule: 14,
    find: 'if (tid !== ownTid || oid !== ownOid) throw wrong("The answer belongs to another account.");',
    replace: "",
    tests: exchangeTests,
  },
  {
    name: "answer-without-an-id-token",
    rule: 14,
    in: "verifyTokenSubject",
    find: "if (claims === undefined)",
    replace: "if (claims === undefined) return;\n  if (claims === undefined)",
    tests: exchangeTests,
  },
  {
    name: "id-token-of-another-client",
    rule: 14,
    find: "if (!audiencesOf(claims).some((audience) => audience.toLowerCase() === clientId)) {",
    replace: "if (false as boolean) {",
    tests: exchangeTests,
  },
  {
    name: "shared-session",
    rule: 15,
    find: 'else if (owner !== principal) throw new HostedAgentIdentityError("shared_session");',
    replace: "",
    tests: fetchTests,
  },
  {
    name: "token-left-on-the-request",
    rule: 2,
    find: "for (const name of names) headers.delete(name);",
    replace: "",
    tests: ["test/http/every-adapter.test.ts"],
  },
  {
    name: "platform-headers-from-anywhere",
    rule: 4,
    find: "const named = hosted\n    ?",
    replace: "const named = (true as boolean)\n    ?",
    tests: ["test/request/create.test.ts"],
  },
  {
    name: "repeated-identity-header",
    rule: 4,
    find: 'if (values.length > 1 || values[0]?.includes(",")) {\n    throw new UserTokenError("identity_header_repeated"',
    replace: 'if (false as boolean) {\n    throw new UserTokenError("identity_header_repeated"',
    tests: ["test/request/create.test.ts"],
  },
  {
    name: "platform-id-without-declaration",
    rule: 4,
    find: 'const isDeclared = platformUserId === "one-person";',
    replace: "const isDeclared = true as boolean;",
    tests: ["test/request/create.test.ts"],
  },
  {
    name: "owner-of-an-id-that-anybody-can-write",
    rule: 4,
    find: "verified === undefined && platform.hosted ? settings.unattended?.(platform) : undefined;",
    replace: "verified === undefined ? settings.unattended?.(platform) : undefined;",
    tests: ["test/request/unattended.test.ts"],
  },
  {
    name: "grant-of-a-turn-without-a-person",
    rule: 4,
    find: "const owner = isPerson ? declared : ownerPrincipal(unattended);",
    replace:
      'const owner = platformUserId === "one-person" ? platformPrincipal(platform, environment) : isPerson ? declared : ownerPrincipal(unattended);',
    tests: ["test/request/unattended.test.ts"],
  },
  {
    name: "owner-that-is-not-named",
    rule: 18,
    find: "if (!isGuid(tid) || !isGuid(oid))",
    replace: "if (false as boolean)",
    tests: ["test/request/unattended.test.ts"],
  },
  {
    name: "two-user-tokens",
    rule: 4,
    find: 'if (values.length > 1 || values[0]?.includes(",")) throw new UserTokenError("user_token_repeated");',
    replace: "",
    tests: ["test/request/create.test.ts"],
  },
  {
    name: "any-tenant",
    rule: 5,
    find: 'return typeof allowedTenants === "function" || allowedTenants.includes(tid);',
    replace: 'return allowedTenants !== undefined || tid === "";',
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "any-algorithm",
    rule: 5,
    find: 'if (header["alg"] !== "RS256") throw new UserTokenError("user_token_algorithm");',
    replace: "",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "any-signature",
    rule: 5,
    find: 'await jose.compactVerify(token, key, { algorithms: ["RS256"] });',
    replace: "",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "any-issuer",
    rule: 5,
    find: "if (actual !== undefined && expected.includes(actual)) return undefined;",
    replace: "if (actual !== undefined) return undefined;",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "any-audience",
    rule: 5,
    find: "if (actual !== undefined && app.audiences.includes(actual)) return ourOwn;",
    replace: "if (actual !== undefined) return ourOwn;",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "any-age",
    rule: 5,
    find: "if (seconds >= exp + clockToleranceS)",
    replace: "if (false as boolean)",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "from-the-future",
    rule: 5,
    find: "if (!isNumber(nbf) || seconds < nbf - clockToleranceS) {",
    replace: "if (false as boolean) {",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "scopes-not-required",
    rule: 5,
    find: "if (required.every((scope) => granted.includes(scope))) return undefined;",
    replace: "if (required.length >= 0) return undefined;",
    tests: ["test/user-token/verify.test.ts"],
  },
  {
    name: "remembered-after-the-key-is-gone",
    rule: 5,
    find: "if (known !== undefined && keys.stillHas(known.tid, known.kid)) {",
    replace: "if (known !== undefined) {",
    tests: ["test/user-token/signing-keys.test.ts", "test/user-token/verify.test.ts"],
  },
  {
    name: "key-fetch-storm",
    rule: 11,
    find: "youngerThan(known(kid) ? freshMs : cooldownMs)",
    replace: "youngerThan(known(kid) ? freshMs : 0)",
    tests: ["test/user-token/signing-keys.test.ts"],
  },
  {
    name: "keys-inside-the-user-context",
    rule: 13,
    find: "loaded = await runWithoutUserContext(() => load(url, options));",
    replace: "loaded = await load(url, options);",
    tests: ["test/isolation/no-user-context.test.ts"],
  },
  {
    name: "turn-does-not-end-its-context",
    rule: 13,
    find: "if (scope.stop()) scope.context.end();",
    replace: "scope.stop();",
    tests: ["test/turn/with-consent.test.ts"],
  },
  {
    name: "any-link-form",
    rule: 9,
    find: "if (fault !== undefined) throw refused(fault, consentLinkRefusedCauses.form);",
    replace: "",
    tests: ["test/consent/link-policy.test.ts"],
  },
  {
    name: "any-link-origin",
    rule: 9,
    find: "if (isBelow || origins.has(origin)) return;",
    replace: "if (origin !== host) return;",
    tests: ["test/consent/link-policy.test.ts"],
  },
  {
    name: "toolbox-errors-from-anybody",
    rule: 9,
    find: "if (toolbox === undefined) return undefined;",
    replace: "",
    tests: ["test/consent/find-consent-required.test.ts"],
  },
  {
    name: "link-in-the-error",
    rule: 9,
    find: "    const { serverLabel, reason, expiresAt } = this;\n    return { serverLabel,",
    replace: "    const { serverLabel, reason, expiresAt, link } = this;\n    return { link, serverLabel,",
    tests: ["test/tokens/acquire.test.ts"],
  },
  {
    name: "consent-not-recorded",
    rule: 8,
    find: "if (isConsentRequiredError(cause) && !internals.ended) recordConsent(context, cause.requests);",
    replace: "",
    tests: ["test/tokens/acquire.test.ts"],
  },
  {
    name: "more-pulled-after-consent",
    rule: 9,
    find: "signal.throwIfAborted();\n        clock.waiting();",
    replace: "clock.waiting();",
    tests: ["test/turn/end-of-turn.test.ts"],
  },
  {
    name: "token-left-on-raw-headers",
    rule: 2,
    find: 'if (names.includes((rawHeaders[at] ?? "").toLowerCase())) rawHeaders.splice(at, 2);',
    replace: "",
    tests: ["test/http/every-adapter.test.ts"],
  },
  {
    name: "token-left-on-parsed-headers",
    rule: 2,
    find: "delete headers[name];",
    replace: "",
    tests: ["test/http/every-adapter.test.ts"],
  },
  {
    name: "context-outlives-its-response",
    rule: 13,
    find: '  response.once("finish", end);\n  response.once("close", end);',
    replace: "  void end;",
    tests: ["test/http/every-adapter.test.ts"],
  },
  {
    name: "one-client-for-everybody",
    rule: 15,
    find: "return principalKey as string;",
    replace: "return `all${(principalKey as string).slice(0, 0)}`;",
    tests: ["test/mcp/client-pool.test.ts"],
  },
  {
    name: "any-request-while-closing",
    rule: 13,
    find: 'method !== "DELETE" || ',
    replace: "",
    tests: ["test/mcp/pool-with-real-sdks.test.ts"],
  },
  {
    name: "sdk-v1-discovers-where-to-log-in",
    rule: 7,
    find: "      tokens.drop();\n      return refuse();",
    replace: "      tokens.drop();\n      return undefined as never;",
    tests: ["test/mcp/sdk-auth.test.ts"],
  },
  {
    name: "sweep-inside-the-user-context",
    rule: 13,
    in: "sweepLater",
    find: "runWithoutUserContext(() => setTimeout(",
    replace: "((make: () => NodeJS.Timeout) => make())(() => setTimeout(",
    tests: ["test/mcp/client-pool.test.ts"],
  },
  {
    name: "consent-link-anywhere",
    rule: 9,
    find: "consentLinkPolicy({ allowedOrigins: consentLink.allowedOrigins ?? [loginEndpoint] }).check(made.link);",
    replace: "",
    tests: ["test/tokens/acquire.test.ts"],
  },
  {
    name: "a-refused-token-is-exchanged-for-ever",
    rule: 11,
    find: "if (refusals.has(owner, token.token, demand.key)) return giveUp(options, refused, demand);",
    replace: "",
    tests: ["test/faults/mcp-server.test.ts"],
  },
  {
    name: "azure-client-keeps-its-token",
    rule: 4,
    find: 'askAgain === "at-expiry" ? Infinity : Date.now()',
    replace: 'askAgain === "at-expiry" ? Infinity : Infinity',
    tests: ["test/access/azure-sdk.test.ts"],
  },
  {
    name: "azure-client-shares-a-token-on-its-way",
    rule: 4,
    find: "        userHere();\n        return next(request);",
    replace: "        return next(request);",
    tests: ["test/access/azure-sdk.test.ts"],
  },
  ...standaloneStreamMutants,
  ...whatIsSentMutants,
  ...proofMutants,
  ...backOffMutants,
  ...commandLineMutants,
  ...demandMutants,
  ...forgottenMutants,
  ...claimMutants,
  ...grantMutants,
  ...bindingMutants,
  ...boundMutants,
  ...agentIdentityMutants,
  ...containerMutants,
  ...foundryGatewayMutants,
  ...foundryToolboxMutants,
  ...elicitationMutants,
  ...keptConnectionMutants,
  ...sharedBetweenServersMutants,
  ...sharedCacheMutants,
  ...limitMutants,
  ...linkMutants,
  ...pageMutants,
  ...operatorMutants,
  ...otelMutants,
  ...responsesContractMutants,
  ...mcpServerMutants,
  ...serverCallMutants,
  ...takenOverAgentMutants,
  ...reportedErrorMutants,
  ...discretionMutants,
  ...frameworkMutants,
  ...turnMutants,
  ...postgresMutants,
  ...redisMutants,
  ...sqliteMutants,
  ...twoClocksMutants,
  ...typedMutants,
  ...boundedKeyMutants,
  ...wrongTokenMutants,
];
