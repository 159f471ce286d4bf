import type { Mutant } from "./mutant.js";

const passed = ["test/turn/passed-through-consent.test.ts"];
const ownEvents = ["test/turn/to-sse.test.ts"];
const policy = ["test/consent/link-policy.test.ts"];
const toolbox = ["test/toolbox/consent.test.ts"];
const item = ["test/consent/consent-item.test.ts"];

/** The guards of consent links where they leave, whoever made them. */
export const linkMutants: readonly Mutant[] = [
  {
    name: "any-link-of-a-run",
    rule: 17,
    find: "if (item.type === consentItemType) checkConsentItem(rules, item as OAuthConsentRequestItem);",
    replace: "",
    tests: passed,
  },
  {
    name: "a-run-s-links-without-the-policy",
    rule: 17,
    in: "checkConsentItem",
    find: "refusedLink(link, policy)",
    replace: "refusedLink(link, undefined)",
    tests: passed,
  },
  {
    name: "a-consent-item-inside-another-event",
    rule: 17,
    find: "if (item !== undefined || inner !== undefined) checkItemsIn(response.options, item, inner);",
    replace: "",
    tests: passed,
  },
  {
    name: "the-event-that-asks-for-consent-as-any-event",
    rule: 17,
    find: 'if (event.type === "response.oauth_consent_requested") return consentRequested(response, event);',
    replace: "",
    tests: passed,
  },
  {
    name: "a-host-s-own-event-with-any-link",
    rule: 17,
    find: "checkItemsIn({}, item, response);",
    replace: "",
    tests: ownEvents,
  },
  {
    name: "a-host-s-own-event-that-asks-with-any-link",
    rule: 17,
    find: 'if (type === "response.oauth_consent_requested") checkConsentItem({}, event);',
    replace: "",
    tests: ownEvents,
  },
  {
    name: "a-refused-link-without-an-event",
    rule: 17,
    in: "turnScope",
    find: 'emit(options.onEvent, consentLinkRefused("turn", link, serverLabel));',
    replace: "",
    tests: passed,
  },
  {
    name: "a-policy-of-one-s-own-in-place-of-the-form",
    rule: 9,
    in: "checkLink",
    find: "checkLinkForm(link);",
    replace: "",
    tests: policy,
  },
  {
    name: "consent-events-with-any-link",
    rule: 17,
    find: "for (const item of items) if (isConsentItem(item)) checkLink(item.consent_link, undefined);",
    replace: "",
    tests: item,
  },
  {
    name: "any-path-of-an-allowed-host",
    rule: 9,
    find: 'if (!paths.test(url.pathname)) return "is allowed, but not this path";',
    replace: "",
    tests: policy,
  },
  {
    name: "a-second-parameter-of-one-name",
    rule: 9,
    find: "given.length === 1 && given[0]?.[0] === name && given[0][1] === value",
    replace: "given.some(([, one]) => one === value)",
    tests: policy,
  },
  {
    name: "a-parameter-in-another-case",
    rule: 9,
    find: "one.toLowerCase() === name.toLowerCase()",
    replace: "one === name",
    tests: policy,
  },
  {
    name: "login-host-by-default",
    rule: 9,
    find: "if (entraConsent === undefined) return [];",
    replace: 'if (entraConsent === undefined) return [{ origin, path: "/*/oauth2/v2.0/authorize" }];',
    tests: toolbox,
  },
  {
    name: "entra-consent-of-any-client",
    rule: 9,
    find: 'return [{ origin, path: "/*/oauth2/v2.0/authorize", parameters }];',
    replace: 'return [{ origin, path: "/*/oauth2/v2.0/authorize" }];',
    tests: toolbox,
  },
  {
    name: "a-refused-link-s-path-in-clear",
    rule: 2,
    find: "path: redacted(pathname.slice(0, maxShown))",
    replace: "path: pathname",
    tests: toolbox,
  },
];
