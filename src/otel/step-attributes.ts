import type { Attributes } from "@opentelemetry/api";
import { isGuid } from "../entra/clouds.js";
import type { IdentityStep, StepEnd } from "../events/steps.js";
import { attributes } from "./names.js";

/** Source: OpenTelemetry semantic conventions, HTTP: a method nobody knows is `_OTHER`. */
const methods: ReadonlySet<string> = new Set(
  "CONNECT DELETE GET HEAD OPTIONS PATCH POST PUT QUERY TRACE".split(" "),
);

/** Attributes before a step, for spans and metrics. They do not distinguish users. */
export function startAttributes(step: IdentityStep): Attributes {
  if (step.step === "verify") return {};
  if (step.step === "acquire") {
    return { [attributes.serverLabel]: step.serverLabel, [attributes.steppedUp]: step.steppedUp };
  }
  return {
    [attributes.serverLabel]: step.serverLabel,
    [attributes.method]: methods.has(step.method) ? step.method : "_OTHER",
    [attributes.address]: step.address,
    [attributes.port]: step.port,
  };
}

/** Attributes after a step, for spans and metrics. */
export function endAttributes({ outcome, source, cache, status, error }: StepEnd): Attributes {
  const refused = status !== undefined && status >= 400 ? String(status) : undefined;
  const errorType = error ?? refused;
  // Built up, because the SDKs record an attribute that is there and undefined.
  const ended: Attributes = {
    [attributes.outcome]: outcome === "ok" && refused !== undefined ? "failed" : outcome,
  };
  if (errorType !== undefined) {
    ended[attributes.errorType] = errorType;
    ended[attributes.errorCode] = errorType;
  }
  if (source !== undefined) ended[attributes.source] = source;
  if (cache !== undefined) ended[attributes.cache] = cache;
  if (status !== undefined) ended[attributes.status] = status;
  return ended;
}

/** Attributes for spans only: they have too many different values for a metric. */
export function spanAttributes({ errorCodes, correlationId }: StepEnd): Attributes {
  const said: Attributes = {};
  if (errorCodes !== undefined) said[attributes.entraErrorCodes] = [...errorCodes];
  // Only a GUID: a server that answers in Entra's place could write anything there.
  if (isGuid(correlationId)) said[attributes.entraCorrelationId] = correlationId;
  return said;
}

/** Refusals that the user or the caller can resolve are not errors of the agent. */
const expected: ReadonlySet<string> = new Set(["ok", "aborted", "consent", "signin", "stepup", "input"]);

/** Whether the span is one of an error. */
export function isTrouble({ outcome, status = 0 }: StepEnd): boolean {
  return status >= 400 || !expected.has(outcome);
}
