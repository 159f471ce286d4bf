import { describe, expect, it } from "vitest";
import { aadstsFacts, knownAadstsCodes } from "../../src/entra/aadsts.js";
import { classifyRefusal, readRefusal } from "../../src/entra/classify.js";

describe("classifying a refusal of the token endpoint", () => {
  it.each<[string, Parameters<typeof classifyRefusal>[0], string]>([
    ["the status before the error", { status: 503, error: "invalid_grant", errorCodes: [65001] }, "retry"],
    ["a throttle before everything but a loop", { status: 429, error: "invalid_grant" }, "throttle"],
    [
      "a loop even when it comes as a throttle",
      { status: 429, error: "invalid_grant", errorCodes: [50196] },
      "loop",
    ],
    [
      "message_only as blocked, whatever claims come along",
      { status: 400, error: "interaction_required", suberror: "message_only", claims: "{}" },
      "blocked",
    ],
    [
      "basic_action with claims as a step-up",
      { status: 400, error: "invalid_grant", suberror: "basic_action", claims: "{}", errorCodes: [50076] },
      "stepup",
    ],
    [
      "claims before the code",
      { status: 400, error: "invalid_grant", claims: "{}", errorCodes: [53003] },
      "stepup",
    ],
    ["a code alone", { status: 400, error: "invalid_grant", errorCodes: [53003] }, "blocked"],
    [
      "the longer of several codes",
      { status: 400, error: "invalid_grant", errorCodes: [70002, 500133] },
      "signin",
    ],
    [
      "any of the codes, not only the first",
      { status: 400, error: "invalid_grant", errorCodes: [1, 65001] },
      "consent",
    ],
    [
      "an expired sign-in frequency",
      { status: 400, error: "invalid_grant", suberror: "token_expired", errorCodes: [70043] },
      "signin",
    ],
    [
      "a revoked grant",
      { status: 400, error: "invalid_grant", suberror: "bad_token", errorCodes: [50173] },
      "signin",
    ],
    [
      "an internal suberror as configuration",
      { status: 400, error: "invalid_grant", suberror: "client_mismatch" },
      "config",
    ],
    ["a wrong secret", { status: 401, error: "invalid_client", errorCodes: [7000215] }, "cred"],
    [
      "a federated-credential mistake, which no other credential would mend",
      { status: 401, error: "invalid_client", errorCodes: [700212] },
      "config",
    ],
    ["a user who is not assigned", { status: 400, error: "invalid_grant", errorCodes: [50105] }, "admin"],
    ["an error nobody has heard of", { status: 400, error: "brand_new" }, "config"],
    ["an answer without any field", { status: 400 }, "config"],
  ])("reads %s", (_what, refusal, category) => {
    expect(classifyRefusal(refusal).category).toBe(category);
  });

  it("never looks at the text", () => {
    const refusal = readRefusal(400, {
      error: "invalid_grant",
      error_description: "AADSTS65001: consent_required",
    });
    expect(classifyRefusal(refusal).category).toBe("signin");
    expect(JSON.stringify(refusal)).not.toContain("65001");
  });

  it("takes fields of a wrong type for absent", () => {
    const refusal = readRefusal(400, {
      error: { a: 1 },
      error_codes: ["65001", null, 50076.5],
      claims: 7,
      suberror: [],
    });
    expect(refusal).toEqual({ status: 400, errorCodes: [] });
    expect(readRefusal(502, "<html>").errorCodes).toEqual([]);
  });

  it("knows each code once, with what to do next", () => {
    const codes = knownAadstsCodes();
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(aadstsFacts(code)?.fix).toMatch(/\.$/);
  });
});
