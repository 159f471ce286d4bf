import type { Mutant } from "./mutant.js";

const persons = ["test/otel/no-personal-data.test.ts"];
const steps = ["test/otel/steps.test.ts"];
const headers = ["test/otel/trace-headers.test.ts"];

/** The guards of what leaves through OpenTelemetry, and of what a listener may do. */
export const otelMutants: readonly Mutant[] = [
  {
    name: "telemetry-names-the-person",
    rule: 2,
    find: "if (key === undefined) return () => ({});",
    replace:
      'if (key === undefined) return (step) => ("principal" in step && step.principal !== undefined ? { [attributes.principal]: step.principal } : {});',
    tests: persons,
  },
  {
    name: "telemetry-with-the-principal-in-clear",
    rule: 2,
    find: 'createHmac("sha256", secret).update(step.principal).digest("base64url").slice(0, 22)',
    replace: 'createHmac("sha256", key).digest("base64url").slice(0, 4) + step.principal',
    tests: persons,
  },
  {
    name: "telemetry-with-the-pseudonym-on-metrics",
    rule: 2,
    find: "numbers.took(step, end.durationMs, { ...started, ...ended });",
    replace: "numbers.took(step, end.durationMs, { ...named, ...ended });",
    tests: persons,
  },
  {
    name: "pseudonyms-by-a-short-key",
    rule: 2,
    find: "Buffer.byteLength(key) >= 16",
    replace: "Buffer.byteLength(key) >= 1",
    tests: ["test/otel/step-attributes.test.ts"],
  },
  {
    name: "telemetry-with-any-field-of-an-event",
    rule: 2,
    find: "for (const field of shown[event.type] ?? []) {",
    replace:
      'for (const [field, text] of Object.entries(event)) if (typeof text === "string") values[field] = text;\n  for (const field of shown[event.type] ?? []) {',
    tests: persons,
  },
  {
    name: "telemetry-with-any-correlation-id",
    rule: 2,
    find: "if (isGuid(correlationId)) said[",
    replace: "if (correlationId !== undefined) said[",
    tests: ["test/otel/step-attributes.test.ts"],
  },
  {
    name: "telemetry-with-any-method",
    rule: 2,
    find: 'methods.has(step.method) ? step.method : "_OTHER"',
    replace: "step.method",
    tests: ["test/otel/step-attributes.test.ts"],
  },
  {
    name: "telemetry-with-the-text-of-an-error",
    rule: 2,
    find: 'error: systemCode(cause) ?? "_OTHER"',
    replace: "error: (cause as Error).message as StepError",
    tests: persons,
  },
  {
    name: "telemetry-with-any-code-of-an-error",
    rule: 2,
    find: 'return typeof code === "string" && /^',
    replace: 'return typeof code === "string" || /^',
    tests: persons,
  },
  {
    name: "telemetry-with-the-whole-url",
    rule: 2,
    find: "const step = { ...where, method: init.method,",
    replace: "const step = { ...where, address: href, method: init.method,",
    tests: persons,
  },
  {
    name: "a-listener-is-handed-the-token",
    rule: 2,
    find: '(result) => ({ durationMs: durationMs(), outcome: "ok", ...describe?.(result) }),',
    replace: '(result) => ({ durationMs: durationMs(), outcome: "ok", ...result, ...describe?.(result) }),',
    tests: steps,
  },
  {
    name: "a-listener-breaks-the-call",
    rule: 11,
    find: "return (taken ??= begin(take, undefined));",
    replace: "return taken as Promise<T>;",
    tests: steps,
  },
  {
    name: "a-listener-makes-the-call-twice",
    rule: 6,
    find: "taken ??= begin(take, headers);",
    replace: "taken = begin(take, headers);",
    tests: steps,
  },
  {
    name: "a-listener-writes-any-header",
    rule: 1,
    find: "|| !isTraceparent(traceparent)) return init;",
    replace: ") return init;",
    tests: headers,
  },
  {
    name: "two-trace-contexts",
    rule: 1,
    find: 'return hasSubscribers("undici:request:create");',
    replace: "return false;",
    tests: headers,
  },
];
