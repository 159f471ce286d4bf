import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { build } from "esbuild";
import * as errors from "hosted-agent-identity";
import { beforeAll, describe, expect, it } from "vitest";

type Errors = Pick<typeof errors, ErrorClass | `is${ErrorClass}`>;
type ErrorClass =
  | "HostedAgentIdentityError"
  | "ConsentRequiredError"
  | "NoTokenError"
  | "TokenExchangeError"
  | "UserTokenError";

/** One error of each class, as its constructor takes it. */
const made: Readonly<Record<ErrorClass, (from: Errors) => Error>> = {
  HostedAgentIdentityError: (from) => new from.HostedAgentIdentityError("invalid_option"),
  ConsentRequiredError: (from) => new from.ConsentRequiredError([]),
  NoTokenError: (from) => new from.NoTokenError([]),
  TokenExchangeError: (from) => new from.TokenExchangeError("token_exchange_failed", "Entra refused.", {}),
  UserTokenError: (from) => new from.UserTokenError("user_token_missing"),
};
const names = Object.keys(made) as ErrorClass[];

/** What every minifier does to names, done to the errors of this package: a copy of its own. */
let minified: Errors;
beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL("../../src/errors.ts", import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node20",
  });
  const code = outputFiles[0]?.text ?? "";
  if (/class UserTokenError/.test(code)) throw new Error("names are not minified");
  minified = (await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`
  )) as unknown as Errors;
});

const guardsOf = (from: Errors, value: unknown): string[] => names.filter((name) => from[`is${name}`](value));
const expected = (name: string): string[] => [...new Set(["HostedAgentIdentityError", name])];

describe.each(names)("a %s", (name) => {
  it("is known to its own guard and that of the base, in a minified build as well", () => {
    expect(guardsOf(errors, made[name](errors))).toEqual(expected(name));
    expect(guardsOf(minified, made[name](minified))).toEqual(expected(name));
  });

  it("is known to another copy of the package, minified or not", () => {
    expect(guardsOf(errors, made[name](minified))).toEqual(expected(name));
    expect(guardsOf(minified, made[name](errors))).toEqual(expected(name));
  });

  it("is printed with its name and with nothing that it does not have, in a minified build as well", () => {
    for (const from of [errors, minified]) {
      const error = made[name](from);
      const [first] = inspect(error).split("\n");
      expect(first).toBe(`${name}: ${error.message}`);
      expect(inspect(error)).not.toContain("undefined");
      expect(Object.values(error)).not.toContain(undefined);
    }
  });
});

it("an error of a class of your own is what its base is", () => {
  class TeamError extends errors.UserTokenError {}
  expect(guardsOf(errors, new TeamError("user_token_missing"))).toEqual(expected("UserTokenError"));
  expect(inspect(new TeamError("user_token_missing"))).toMatch(/^TeamError/);
});

it("what is no error of this package is nobody's, whatever it calls itself", () => {
  const impostor = Object.assign(new Error("x"), { name: "UserTokenError", code: "user_token_missing" });
  for (const value of [impostor, undefined, null, "UserTokenError", {}])
    expect(guardsOf(errors, value)).toEqual([]);
});

it("a consent request and a user context have no fields without a value", async () => {
  const link = "https://login.example";
  const request = new errors.ConsentRequest({ link, serverLabel: "contacts", reason: "consent" });
  expect(Object.keys(request)).toEqual(["serverLabel", "reason"]);
  const context = await errors.createUserContext(new Headers(), { verify: "none" });
  expect(Object.values({ ...context })).not.toContain(undefined);
});
