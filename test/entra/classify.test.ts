import { describe, expect, it } from "vitest";
import { aadstsFacts, knownAadstsCodes } from "../../src/entra/aadsts.js";
import { classifyRefusal, readRefusal } from "../../src/entra/classify.js";
import { inProcess } from "../support/command-line.js";

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
    // Recorded: microsoft.github.io/teams-sdk, Azure/azure-cli#29282, AzureStorageExplorer#7111, msal-dotnet#3150.
    ["a tenant without the app", { status: 401, error: "invalid_client", errorCodes: [7000229] }, "admin"],
    [
      "a device that is not managed",
      { status: 400, error: "invalid_grant", errorCodes: [530003] },
      "blocked",
    ],
    ["a guest who is disabled", { status: 400, error: "invalid_grant", errorCodes: [500571] }, "admin"],
    ["cross-tenant access", { status: 400, error: "invalid_grant", errorCodes: [500213] }, "admin"],
    ["a disabled resource", { status: 400, error: "invalid_resource", errorCodes: [500014] }, "admin"],
    ["a client id of Microsoft's", { status: 400, error: "invalid_grant", errorCodes: [65002] }, "config"],
    ["a policy, where nothing else is said", { status: 400, error: "access_denied" }, "blocked"],
    ["a grant without any code", { status: 400, error: "invalid_grant" }, "signin"],
    ["an unknown policy", { status: 400, error: "invalid_grant", errorCodes: [530999] }, "blocked"],
    ["an unknown account trouble", { status: 400, error: "invalid_grant", errorCodes: [500999] }, "admin"],
    [
      "an unknown code that comes with claims",
      { status: 400, error: "interaction_required", errorCodes: [59999], claims: "{}" },
      "stepup",
    ],
    [
      "an unknown code whose suberror says what to do",
      { status: 400, error: "invalid_grant", errorCodes: [799999], suberror: "bad_token" },
      "signin",
    ],
    [
      "a known code before an unknown one",
      { status: 400, error: "invalid_grant", errorCodes: [999_999, 50057] },
      "admin",
    ],
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

  const errors = [
    "invalid_grant",
    "interaction_required",
    "access_denied",
    "invalid_request",
    "brand_new",
    undefined,
  ];
  const oddCodes = [
    1, 999, 16999, 50999, 500999, 5009999, 53999, 530999, 5309999, 54999, 65999, 650999, 70999,
  ];
  const moreOddCodes = [
    700999, 7009999, 75999, 80999, 81999, 90999, 900999, 9009999, 100_9999, 135999, 99_999_999,
  ];
  it.each([...oddCodes, ...moreOddCodes])(
    "asks no user for anything because of the unknown AADSTS%i",
    (code) => {
      expect(aadstsFacts(code)).toBeUndefined();
      for (const error of errors) {
        const found = classifyRefusal({ status: 400, error, errorCodes: [code] });
        expect(["blocked", "admin", "config"]).toContain(found.category);
        expect(found.code).toBe(code);
      }
    },
  );

  it("names the page of a code that it does not know", () => {
    const { facts } = classifyRefusal({ status: 400, error: "invalid_grant", errorCodes: [530999] });
    expect(facts?.fix).toContain("error?code=530999.");
  });

  it("knows each code once, with what to do next", () => {
    const codes = knownAadstsCodes();
    expect(new Set(codes).size).toBe(codes.length);
    for (const code of codes) expect(aadstsFacts(code)?.fix).toMatch(/\.$/);
  });
});

it("says by its first digits what an unknown code of Entra is about, as an error of the agent does", async () => {
  const { code, out } = await inProcess(["explain", "--json", "AADSTS530999"]);
  expect(code).toBe(1);
  const { errors } = JSON.parse(out) as { errors: Record<string, unknown>[] };
  const { facts } = classifyRefusal({ status: 400, error: "invalid_grant", errorCodes: [530999] });
  expect(errors[0]).toMatchObject({ known: false, category: facts?.category, next: facts?.fix });
  expect(errors[0]?.["meaning"]).toContain(facts?.meaning);
});
