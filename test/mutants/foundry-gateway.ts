import type { Mutant } from "./mutant.js";

const headers = ["test/testing/foundry/headers.test.ts"];
const gateway = ["test/testing/foundry/gateway.test.ts"];
const refusals = ["test/testing/foundry/refusals.test.ts"];
const toolbox = ["test/testing/foundry/toolbox.test.ts"];
const answers = ["test/testing/foundry/answer-rules.test.ts"];

/**
 * The guards of the emulated gateway. An emulator that lets more pass than the platform does proves nothing
 * about the code that is tried against it.
 */
export const foundryGatewayMutants: readonly Mutant[] = [
  {
    name: "foundry-forwards-any-header",
    rule: 4,
    find: 'return exact.has(lower) || lower.startsWith("x-client-");',
    replace: "return !/^(host|content-length|connection|authorization)$/.test(lower);",
    tests: headers,
  },
  {
    name: "foundry-takes-any-audience",
    rule: 5,
    find: "const options = { audience: foundryAudience,",
    replace: "const options = {",
    tests: refusals,
  },
  {
    name: "foundry-takes-any-tenant",
    rule: 5,
    find: 'if (tid !== tenantId) throw refused("token_tenant");',
    replace: "",
    tests: refusals,
  },
  {
    name: "foundry-lets-anybody-name-people",
    rule: 4,
    find: "if (identity !== undefined && !state.impersonators.has(caller.oid)) {",
    replace: "if (false as boolean) {",
    tests: refusals,
  },
  {
    name: "foundry-call-outlives-its-request",
    rule: 13,
    find: "if (!live.delete(callId)) return;",
    replace: "if (!live.has(callId)) return;",
    tests: toolbox,
  },
  {
    name: "foundry-work-goes-on-when-the-caller-is-gone",
    rule: 11,
    find: "if (!response.writableFinished) left.abort();",
    replace: "",
    tests: gateway,
  },
  {
    name: "foundry-shows-anybody-a-response",
    rule: 4,
    find: "return stored?.userId === userId ? stored : undefined;",
    replace: "return stored ?? (userId === '' ? stored : undefined);",
    tests: gateway,
  },
  {
    name: "foundry-session-of-anybody",
    rule: 15,
    find: "if (owners.get(named) !== owner)",
    replace: "if (false as boolean)",
    tests: refusals,
  },
  {
    name: "foundry-grant-of-everybody",
    rule: 4,
    find: "JSON.stringify([userId, connection]);",
    replace: "JSON.stringify([userId === '' ? '' : 'everybody', connection]);",
    tests: toolbox,
  },
  {
    name: "foundry-anybody-consents",
    rule: 9,
    find: "if (redeemed === undefined || !isWhoAsked(link, redeemed.account))",
    replace: "if (redeemed === undefined || (isWhoAsked(link, redeemed.account) && (false as boolean)))",
    tests: toolbox,
  },
  {
    name: "foundry-consent-link-used-twice",
    rule: 9,
    find: "link.used = true;",
    replace: "",
    tests: toolbox,
  },
  {
    name: "foundry-any-app-is-the-agent",
    rule: 3,
    find: 'if (caller.kind === "app" && !own)',
    replace: "if (false as boolean)",
    tests: refusals,
  },
  {
    name: "foundry-mcp-session-of-anybody",
    rule: 15,
    find: 'if (owner !== ownerOf(toolbox, caller)) throw refused("session_of_other");',
    replace: "",
    tests: refusals,
  },
  {
    name: "foundry-listing-without-the-failed-sources",
    rule: 8,
    find: "if (failed.length > 0) throw listingFailed",
    replace: "if (failed.length === sources.length && failed.length > 1) throw listingFailed",
    tests: toolbox,
  },
  {
    name: "foundry-broken-ending-reaches-the-caller",
    rule: 8,
    find: "takeTerminal(event, status);",
    replace: "try { takeTerminal(event, status); } catch {}",
    tests: answers,
  },
];
