import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  ConsentRequest,
  ConsentRequiredError,
  errorCodes,
  HostedAgentIdentityError,
  TokenExchangeError,
  UserTokenError,
  type ErrorCode,
} from "hosted-agent-identity";

const root = fileURLToPath(new URL("../..", import.meta.url));
const guide = readFileSync(join(root, "docs/guides/errors.md"), "utf8");
const folder = mkdtempSync(join(root, "test", ".examples-"));

interface NextStepProgram {
  readonly nextStep: (error: unknown) => { readonly kind: string };
}
interface LogLineProgram {
  readonly logLine: (error: unknown) => string;
}

/** The programs of the guide, in files of the names that they give themselves. */
beforeAll(() => {
  for (const [, file = "", code = ""] of guide.matchAll(/```ts file=(\S+)\n([\s\S]*?)```/g))
    writeFileSync(join(folder, file), code);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = async <T>(file: string): Promise<T> => (await import(join(folder, file))) as T;

it("the guide's program finds what each user has to do", async () => {
  const [log, error] = [
    vi.spyOn(console, "log").mockReturnValue(undefined),
    vi.spyOn(console, "error").mockReturnValue(undefined),
  ];
  try {
    const { outcomes } = await program<{ outcomes: readonly string[] }>("errors.ts");
    expect(outcomes).toEqual([
      expect.stringMatching(/^open contacts at http:\/\/127\.0\.0\.1:\d+$/),
      expect.stringMatching(/^HTTP 401, user_token_audience: expected [0-9a-f-]{36}$/),
      "passthrough: wrong_audience",
    ]);
    const lines = error.mock.calls.map(([line]) => String(line));
    expect(lines.map((line) => (JSON.parse(line) as { code: string }).code)).toEqual([
      "consent_required",
      "user_token_audience",
      "no_token",
    ]);
    for (const line of lines) expect(line).not.toMatch(/eyJ|agent-secret|consented/);
  } finally {
    log.mockRestore();
    error.mockRestore();
  }
}, 60_000);

describe("its nextStep()", () => {
  it.each(Object.keys(errorCodes) as ErrorCode[])("has an answer for %s", async (code) => {
    const { nextStep } = await program<NextStepProgram>("next-step.ts");
    const { category } = errorCodes[code];
    const { kind } = nextStep(new HostedAgentIdentityError(code));
    if (category === "retry" || category === "throttle") expect(kind).toBe("wait");
    else expect(["sign-in", "ask-administrator", "report"]).toContain(kind);
  });

  it("finds the link behind an error that a framework has wrapped, and lets other errors through", async () => {
    const { nextStep } = await program<NextStepProgram>("next-step.ts");
    const link = "https://login.example.com/authorize";
    const request = new ConsentRequest({ link, serverLabel: "contacts", reason: "consent" });
    const wrapped = new Error("tool failed", { cause: new ConsentRequiredError([request]) });
    expect(nextStep(wrapped)).toEqual({ kind: "open-link", links: [{ label: "contacts", url: link }] });
    const bug = new TypeError("x is not a function");
    expect(() => nextStep(bug)).toThrow(bug);
  });
});

it("its logLine() writes what support asks for, and nothing of a stranger's message", async () => {
  const { logLine } = await program<LogLineProgram>("log-line.ts");
  const refusal = { errorCodes: [65001], traceId: "trace", correlationId: "correlation", claims: '{"x":1}' };
  expect(JSON.parse(logLine(new TokenExchangeError("token_exchange_failed", "refused", refusal)))).toEqual({
    code: "token_exchange_failed",
    errorCodes: [65001],
    traceId: "trace",
    correlationId: "correlation",
  });
  expect(JSON.parse(logLine(new UserTokenError("user_token_expired")))).toMatchObject({
    code: "user_token_expired",
  });
  expect(logLine(new Error("password hunter2"))).toBe('{"name":"Error"}');
});
