import { describe, expect, test } from "vitest";
import { UserTokenError } from "hosted-agent-identity";
import { refusalOf, refusalResponse } from "../../src/context/refusal.js";

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

  test("is made for no other error", () => {
    const bug = new TypeError("a bug");
    expect(() => refusalOf(bug, "x-client-user-token")).toThrow(bug);
  });
});
