import type { MessageJudge } from "../access/inspected-answer.js";
import { refusedLink, type ConsentLinkPolicy, consentLinkRefused } from "../consent/link-policy.js";
import { recordConsent } from "../context/internals.js";
import type { UserContext } from "../context/user-context.js";
import { ConsentRequest, ConsentRequiredError, HostedAgentIdentityError } from "../errors.js";
import { emit, type OnEvent } from "../events/events.js";
import { jsonRpcError, mayHoldError } from "../foundry/json-rpc.js";
import { toolboxConsent, toolboxFailures, type ToolboxFailure } from "../foundry/toolbox-consent.js";
import { toolboxSourceFailedCauses } from "../errors/causes/resource.js";
import { consentLinkRefusedCauses } from "../errors/causes/set-up.js";

/** What a toolbox's answers are checked against. */
export interface RpcOutcomeOptions {
  readonly serverLabel: string;
  readonly policy: ConsentLinkPolicy;
  readonly onEvent?: OnEvent | undefined;
}

/** The error that an answer of a toolbox means for the caller; `undefined` for an answer to pass on. */
export type RpcOutcome = (message: unknown) => HostedAgentIdentityError | undefined;

/**
 * Checks the answers to one request. A request for consent is recorded in the user context, so that the turn
 * asks for it even if the framework turns the error into text. Only the error of a JSON-RPC response counts,
 * never what a tool returned, and every link has to pass the policy.
 */
export function rpcOutcome(
  { serverLabel, policy, onEvent }: RpcOutcomeOptions,
  context: UserContext,
): RpcOutcome {
  return (message) => {
    const error = jsonRpcError(message);
    if (error === undefined) return undefined;
    const asked = toolboxConsent(error, serverLabel);
    if (asked.length === 0) return failed(toolboxFailures(error, serverLabel), serverLabel, error.message);
    for (const { link, serverLabel: source } of asked) {
      const refused = refusedLink(link, policy);
      if (refused === undefined) continue;
      emit(onEvent, consentLinkRefused("toolbox", link, source));
      return toolboxLinkRefused(refused);
    }
    const requests = asked.map((one) => new ConsentRequest({ ...one, reason: "consent" }));
    recordConsent(context, requests);
    return new ConsentRequiredError(requests);
  };
}

/** Judges the messages of the answers to one request. */
export function toolboxJudge(options: RpcOutcomeOptions, context: UserContext): MessageJudge {
  const outcome = rpcOutcome(options, context);
  return {
    mayConcern: mayHoldError,
    judge(message) {
      const error = outcome(message);
      if (error === undefined) return undefined;
      const { code, id } = jsonRpcError(message) ?? {};
      return { error, code, id };
    },
  };
}

/** The same refusal, with the options that would allow the link. */
function toolboxLinkRefused({ message, cause }: HostedAgentIdentityError): HostedAgentIdentityError {
  const { help } = consentLinkRefusedCauses.toolbox;
  return new HostedAgentIdentityError("consent_link_refused", message, { cause, help });
}

/** Failures that pass without a change. */
const passing = /^(?:CONNECTION_FAILED|TIMEOUT|HTTP_(?:429|5\d\d))$/;

function failed(
  failures: readonly ToolboxFailure[] | undefined,
  serverLabel: string,
  said: unknown,
): HostedAgentIdentityError | undefined {
  if (failures === undefined) return undefined;
  const sources = failures.map(
    ({ name, code }) => `${JSON.stringify(name)}${code === undefined ? "" : ` (${code})`}`,
  );
  const mayPass = failures.every(({ code }) => code !== undefined && passing.test(code));
  return new HostedAgentIdentityError(
    "toolbox_source_failed",
    `The toolbox ${JSON.stringify(serverLabel)} failed at ${sources.join(", ")}.`,
    { cause: new Error(withoutLinks(said)), ...(mayPass ? toolboxSourceFailedCauses.passing : {}) },
  );
}

/** For the operator, as a cause. A listing names links of other sources, which are for the user only. */
function withoutLinks(said: unknown): string {
  // Not String(), which may throw for an object from JSON.
  return (typeof said === "string" ? said : (JSON.stringify(said) ?? ""))
    .slice(0, 2_000)
    .replace(/https?:[^\s"'<>]*/gi, "<link>");
}
