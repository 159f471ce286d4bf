import { type EntraOptions, type EntraPolicy, startEntra } from "hosted-agent-identity/testing";
import { describe, expect, test } from "vitest";

const sample: EntraOptions = { apps: [{ name: "agent" }], users: [{ name: "Ada" }] };

describe("startEntra refuses", () => {
  const wrong: readonly [string, object, string][] = [
    [
      "an app without a name",
      { apps: [{}] },
      "apps[0].name: expected a text that is not empty, got undefined.",
    ],
    ["a port that is none", { port: 70_000 }, "port: expected a whole number from 0 to 65535, got 70000."],
    [
      "a scope that is none",
      { apps: [{ name: "agent", scopes: ["read", 5] }] },
      "apps[0].scopes[1]: expected a text that is not empty, or an object with name, got 5.",
    ],
    ["a misspelled option", { clod: "china" }, "clod: there is no such option."],
    [
      "a delay that is none",
      { policies: [{ type: "slow", delayMs: "1s" }] },
      "policies[0].delayMs: expected",
    ],
    [
      "a delay that is missing",
      { policies: [{ type: "slow" }] },
      "policies[0].delayMs: expected milliseconds",
    ],
    ["codes that are missing", { policies: [{ type: "refuse" }] }, "policies[0].codes: expected a list"],
    ["a context that is missing", { policies: [{ type: "auth_context" }] }, "policies[0].value: expected"],
  ];
  test.each(wrong)("%s", async (_what, options, message) => {
    await expect(startEntra({ ...sample, ...options })).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringContaining(`startEntra: ${message}`),
    });
  });
});

test("a policy is checked at run time, too", async () => {
  await using entra = await startEntra(sample);
  const add = (policy: object): unknown => entra.policies.add(policy as EntraPolicy);
  expect(() => add({ type: "slow", delayMs: Number.NaN })).toThrow(
    "policies.add: policy.delayMs: expected milliseconds, a number from 0 to 2147483647, got NaN.",
  );
  expect(() => add({ type: "slower" })).toThrow(
    'policies.add: policy.type: expected "mfa" or "auth_context"',
  );
  expect(entra.policies.list()).toEqual([]);
});
