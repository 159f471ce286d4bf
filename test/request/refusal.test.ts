import { describe, expect, test, vi } from "vitest";
import { UserTokenError } from "hosted-agent-identity";
import { refusalOf, refusalResponse } from "../../src/request/refusal.js";

describe("the answer to a refused request", () => {
  test("quotes nothing that could break out of the challenge", () => {
    const error = new UserTokenError("user_token_audience", 'Got "a\\b"\r\nset-cookie: x=1; \u00fc\u2028');
    const challenge = refusalOf(error, "x-client-user-token").headers["www-authenticate"];
    expect(challenge).toBe(
      `Bearer realm="", error="invalid_token", error_description="Got 'a?b'??set-cookie: x=1; ??"`,
    );
  });

  test("keeps the challenge short", () => {
    const error = new UserTokenError("user_token_audience", "x".repeat(10_000));
    expect(refusalOf(error, "x-client-user-token").headers["www-authenticate"]?.length).toBeLessThan(600);
  });

  test("is the platform's envelope, and not to be stored", async () => {
    const response = refusalResponse(refusalOf(new UserTokenError("user_token_expired"), "authorization"));
    expect(response.status).toBe(401);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringContaining("Get a fresh token"),
        type: "authentication_error",
        param: "authorization",
        code: "user_token_expired",
      },
    });
  });

  test("says nothing of any other error, which the developer is warned of", () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const bug = new TypeError("token-of-ada\n    at token-of-ada");
    const refusal = refusalOf(bug, "x-client-user-token");
    expect([refusal.status, refusal.body.error.code]).toEqual([500, "server_error"]);
    const [text] = warned.mock.calls[0] ?? [];
    expect(String(text)).toMatch(/^userContext\(\) failed: TypeError\n {4}at .*refusal\.test/);
    expect(String(text) + JSON.stringify(refusal)).not.toContain("token-of-ada");
  });

  test("is made whatever was thrown", () => {
    vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const hostile = new Error("x");
    Object.defineProperty(hostile, "stack", {
      get: () => {
        throw new Error("no");
      },
    });
    for (const thrown of [undefined, null, "text", 5, {}, hostile])
      expect(refusalOf(thrown, "x-client-user-token").status).toBe(500);
  });
});
