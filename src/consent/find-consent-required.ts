import { tryGetUserContext } from "../context/ambient.js";
import { requestKey } from "../context/internals.js";
import { ConsentRequest, ConsentRequiredError, isConsentRequiredError } from "../errors.js";
import { toolboxConsent, toolboxConsentCode } from "../foundry/toolbox-consent.js";
import { optional, text } from "../options/checks.js";
import { nested, readOptions, type OptionTable } from "../options/option-table.js";
import { errorChain, read } from "./error-chain.js";
import { checkLink, consentLinkPolicy, policyOption, type ConsentLinkPolicy } from "./link-policy.js";

/** How far an error is trusted. */
export interface FindConsentRequiredOptions {
  /** Which links are acceptable. Without one, well-formed links made in this process are. */
  readonly policy?: ConsentLinkPolicy;
  /**
   * Says that the error came from a Foundry toolbox, so a JSON-RPC error -32006 in it counts; its links need
   * a `policy` that allows their origin. Leave it out for every other server: they could name any link.
   */
  readonly toolbox?: { readonly serverLabel: string };
}

/**
 * Finds out whether an error means that the user has to open a link, however a framework has wrapped it: `cause` chains
 * (the MCP SDK v2 wraps errors of its first connection), `AggregateError`, and the usual `error`,
 * `originalError`, `lastError` and `reason` of frameworks. Several such errors become one. It reads no text:
 * LangChain's `ToolException` keeps nothing but the message, so nothing is found in it; that is why a turn
 * also records what was asked for (`withConsent`, `runTurn`, `UserContext.consentRequests`). For an error that
 * nothing has wrapped, `isConsentRequiredError()` is enough.
 *
 * Throws `consent_link_refused` when a link is found that must not be shown.
 *
 * Entry point: `hosted-agent-identity`.
 *
 * @example
 * ```ts
 * import { findConsentRequired } from "hosted-agent-identity";
 *
 * export async function guarded<T>(work: () => Promise<T>): Promise<T | "ask the user"> {
 *   try {
 *     return await work();
 *   } catch (error) {
 *     if (findConsentRequired(error) === undefined) throw error;
 *     return "ask the user";
 *   }
 * }
 * ```
 * @group Consent
 */
export function findConsentRequired(
  error: unknown,
  options: FindConsentRequiredOptions = {},
): ConsentRequiredError | undefined {
  const { policy } = readOptions("findConsentRequired", findConsentOptions, options);
  const found = consentIn(error, options);
  for (const { link } of found?.requests ?? []) checkLink(link, policy);
  return found;
}

/** The same without a look at the links. */
export function consentIn(
  error: unknown,
  options: FindConsentRequiredOptions = {},
): ConsentRequiredError | undefined {
  const found: ConsentRequiredError[] = [];
  for (const one of errorChain(error)) {
    const consent = isConsentRequiredError(one) ? one : (recorded(one) ?? toolboxError(one, options));
    if (consent !== undefined) found.push(consent);
  }
  const [first, second] = found;
  if (second === undefined) return first;
  const requests = uniqueRequests(found.flatMap((one) => one.requests));
  return new ConsentRequiredError(requests, { cause: error });
}

/** The options of {@link findConsentRequired}. */
export const findConsentOptions: OptionTable<FindConsentRequiredOptions> = {
  policy: optional(policyOption),
  toolbox: optional(nested<{ readonly serverLabel: string }>({ serverLabel: text() })),
};

/** Requests without duplicates; the same link for the same server is the same request. */
export function uniqueRequests(requests: readonly ConsentRequest[]): ConsentRequest[] {
  return [...new Map(requests.map((request) => [requestKey(request), request])).values()];
}

/** The JSON-RPC error code with which an MCP server asks for a URL. Source: MCP 2025-11-25. */
const urlElicitationCode = -32042;

/**
 * What `foundryToolbox()` or an access has recorded and taken out of an error in the middle of a stream. Anybody can write
 * such an error: it brings nothing that was not asked for in this turn anyway.
 */
function recorded(value: object): ConsentRequiredError | undefined {
  const code = read(value, "code");
  if (code !== toolboxConsentCode && code !== urlElicitationCode) return undefined;
  if (read(Object(read(value, "data")) as object, "code") !== "consent_required") return undefined;
  const requests = tryGetUserContext()?.consentRequests ?? [];
  return requests.length === 0 ? undefined : new ConsentRequiredError(requests);
}

function toolboxError(
  value: object,
  { policy, toolbox }: FindConsentRequiredOptions,
): ConsentRequiredError | undefined {
  if (toolbox === undefined) return undefined;
  const asked = toolboxConsent(
    { code: read(value, "code"), message: read(value, "message") },
    toolbox.serverLabel,
  );
  if (asked.length === 0) return undefined;
  const own = policy ?? consentLinkPolicy({ allowedOrigins: [] });
  for (const { link } of asked) checkLink(link, own);
  return new ConsentRequiredError(asked.map((one) => new ConsentRequest({ ...one, reason: "consent" })));
}
