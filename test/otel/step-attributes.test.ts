import { expect, it } from "vitest";
import type { StepEnd } from "hosted-agent-identity";
import { openTelemetry } from "hosted-agent-identity/otel";
import { endAttributes, isTrouble, spanAttributes, startAttributes } from "../../src/otel/step-attributes.js";

const end: StepEnd = { durationMs: 1, outcome: "cred" };
const correlationId = "0f8fad5b-d9cb-469f-a165-70867728950e";

it("a correlation id is shown only if it is one: whoever answers for Entra could write a name there", () => {
  const shown = (id: string): unknown =>
    spanAttributes({ ...end, correlationId: id })["hosted_agent_identity.entra.correlation_id"];
  expect(shown(correlationId)).toBe(correlationId);
  for (const id of ["ada@contoso.example", `${correlationId} ada`, ""]) expect(shown(id)).toBeUndefined();
});

it("a method is shown only if it is one of HTTP's", () => {
  const shown = (method: string): unknown =>
    startAttributes({
      step: "mcp_request",
      serverLabel: "contacts",
      method,
      address: "contacts.example",
      port: 443,
      principal: undefined,
      trace: {},
    })["http.request.method"];
  expect(["GET", "DELETE", "ADA"].map(shown)).toEqual(["GET", "DELETE", "_OTHER"]);
});

it.each<[Partial<StepEnd>, string, string | undefined, boolean]>([
  [{ outcome: "ok", status: 200 }, "ok", undefined, false],
  [{ outcome: "ok", status: 404 }, "failed", "404", true],
  [{ outcome: "consent", error: "consent_required" }, "consent", "consent_required", false],
  [{ outcome: "aborted", error: "aborted" }, "aborted", "aborted", false],
  [{ outcome: "throttle", error: "backing_off" }, "throttle", "backing_off", true],
  [{ outcome: "failed", error: "ECONNREFUSED" }, "failed", "ECONNREFUSED", true],
])("%j is the outcome %s, the error %s, and trouble: %s", (facts, outcome, error, trouble) => {
  const told = { ...end, ...facts };
  expect(endAttributes(told)["hosted_agent_identity.outcome"]).toBe(outcome);
  expect(endAttributes(told)["error.type"]).toBe(error);
  expect(isTrouble(told)).toBe(trouble);
});

it("a pseudonym needs a key that cannot be tried out", () => {
  expect(() => openTelemetry({ principalKey: "short" })).toThrow(
    "principalKey: expected a key of at least 16 bytes",
  );
  expect(openTelemetry({ principalKey: new Uint8Array(16) })).toBeTypeOf("function");
});
