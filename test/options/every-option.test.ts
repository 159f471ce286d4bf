import { inspect } from "node:util";
import {
  type HostedAgentIdentityError,
  isHostedAgentIdentityError,
  runWithUserContext,
} from "hosted-agent-identity";
import { describe, expect, it } from "vitest";
import type { OptionCheck, OptionKind } from "../../src/options/option-table.js";
import { runtimeOptions } from "../../src/runtime/runtime.js";
import { context, entries, factories, methods, notFactories, type Factory } from "./factories.js";

/** What a mistake may put into an option, and the kinds of option that may take it. */
const values: readonly {
  readonly name: string;
  readonly value: unknown;
  readonly fits: readonly OptionKind[];
}[] = [
  { name: "null", value: null, fits: [] },
  { name: "NaN", value: Number.NaN, fits: [] },
  { name: "-1", value: -1, fits: [] },
  { name: "Infinity", value: Number.POSITIVE_INFINITY, fits: [] },
  { name: "an empty text", value: "", fits: [] },
  { name: "a Symbol", value: Symbol("s"), fits: [] },
  { name: "a BigInt", value: 5n, fits: [] },
  { name: "a revoked Proxy", value: revoked(), fits: [] },
  { name: "an object that throws", value: throwing(), fits: ["object", "mixed"] },
  { name: "a cycle", value: cycle(), fits: ["object", "mixed"] },
  { name: "a Promise", value: Promise.resolve("later"), fits: ["object", "mixed"] },
  { name: '"4mb"', value: "4mb", fits: ["text", "mixed"] },
  { name: "a secret", value: "hunter2-hunter2", fits: ["text", "mixed"] },
  { name: "5", value: 5, fits: ["number", "mixed"] },
  { name: "true", value: true, fits: ["boolean"] },
  { name: "a function", value: (length: number) => new Uint8Array(length), fits: ["function", "mixed"] },
  { name: "{}", value: {}, fits: ["object", "mixed"] },
  { name: "[]", value: [], fits: ["list"] },
  { name: "a list of undefined", value: [undefined], fits: [] },
];

/** What reads like the value of another variable, as secrets come: in every form that an option could half accept. */
const leaked: readonly unknown[] = [
  "Xyz8Q~hunter2.hunter2_hunter2-hunter2xx",
  "eyJhbGciOiJSUzI1NiJ9.eyJodW50ZXIyIjoiaHVudGVyMiJ9.hunter2-hunter2",
  "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
  "AccountKey=hunter2==;EndpointSuffix=x",
  "hunter2@contoso.example",
  "https://hunter2:hunter2@login.example.com/mcp",
  "https://login.example.com/mcp?sig=hunter2",
  "https://login.example.com/hunter2#hunter2",
  "http://login.example.com/hunter2",
  "https://hunter2.example.com:99999",
  "rediss://default:hunter2@redis.example.com:6380",
  "api://hunter2/hunter2 hunter2",
  "api://hunter2/hunter2",
  "c1hunter2",
  new URL("https://hunter2:hunter2@login.example.com/mcp?sig=hunter2"),
].flatMap((value) => [
  value,
  [value],
  [value, value],
  { name: value },
  { url: value },
  Buffer.from(String(value)),
]);

/** Options that may be missing where something else says the same: another option, or the environment. */
const oneOfSeveral: readonly string[] = [
  "certificate path",
  "foundryToolbox environment",
  "foundryToolbox environment.projectEndpoint",
];

/** An empty text that has a meaning. */
const mayBeEmpty: ReadonlySet<string> = new Set(["redisStore keyPrefix"]);

it("knows every function of every entry", () => {
  const unknown = Object.entries(entries).flatMap(([entry, exported]) =>
    Object.entries(exported)
      .filter(([name, value]) => isPlainFunction(value) && !Object.hasOwn(notFactories, name))
      .filter(([name]) => !Object.hasOwn(factories[entry] ?? {}, name))
      .map(([name]) => `${entry} ${name}`),
  );
  expect(unknown).toEqual([]);
});

const all = [
  ...Object.entries(factories).flatMap(([entry, of]) =>
    Object.entries(of).map(([name, factory]) => ({ entry, name, factory })),
  ),
  ...Object.entries(methods).map(([name, factory]) => ({ entry: "a method", name, factory })),
];

describe.each(all)("$name of $entry", ({ name, factory }) => {
  it("takes its sample", async () => {
    await expect(outcome(factory, {}, factory.options)).resolves.toBe("accepted");
  });

  for (const argument of Object.keys(factory.args ?? {})) {
    const kind = factory.kinds?.[argument] ?? kindOf(factory.args?.[argument]);
    it(`takes only what fits as ${argument}`, async () => {
      for (const { name: what, value } of values.filter(({ fits }) => !fits.includes(kind)))
        expectRefusal(await outcome(factory, { [argument]: value }, factory.options), name, argument, what);
    });
  }

  for (const argument of Object.keys(factory.args ?? {})) {
    it(`quotes no secret that came as ${argument}`, async () => {
      for (const value of leaked)
        expectNoSecret(await outcome(factory, { [argument]: value }, factory.options), argument);
    });
  }

  if (factory.table === undefined) return;
  it("takes only an object as its options", async () => {
    for (const { name: what, value } of values.filter(({ fits }) => !fits.includes("object")))
      expectRefusal(await outcome(factory, {}, value), name, "options", what);
  });

  for (const [option, check] of everyOption(factory.table, factory.options)) {
    it(`takes only what fits as ${option}`, async () => {
      for (const { name: what, value, fits } of values) {
        const result = await outcome(factory, {}, withOption(factory.options, option, value));
        const right = fits.includes(check.kind) || (value === "" && mayBeEmpty.has(`${name} ${option}`));
        if (right) expectNoCrash(result, `${option}: ${what}`);
        else expectRefusal(result, name, option, what);
      }
    });
    it(`quotes no secret that came as ${option}`, async () => {
      for (const value of leaked)
        expectNoSecret(await outcome(factory, {}, withOption(factory.options, option, value)), option);
    });
    it(`${check.optional ? "takes" : "refuses"} a missing ${option}`, async () => {
      const result = await outcome(factory, {}, withOption(factory.options, option, undefined));
      expectMissing(check, result, name, option);
    });
  }
});

/** Options by path, those of nested objects included, and of the first object of a list. */
function everyOption(
  table: Readonly<Record<string, OptionCheck<unknown>>>,
  sample: object | undefined,
): [string, OptionCheck<unknown>][] {
  return Object.entries(table).flatMap(([name, check]) => {
    const own: [string, OptionCheck<unknown>] = [name, check];
    const given = (sample as Record<string, object | undefined> | undefined)?.[name];
    const [inner, at] = Array.isArray(given) ? [given[0] as object, `${name}[0]`] : [given, name];
    if (check.parts === undefined || inner === undefined) {
      expect(check.parts === undefined || inner !== undefined, `the sample has no ${name}`).toBe(true);
      return [own];
    }
    return [
      own,
      ...everyOption(check.parts, inner).map(([part, of]) => [`${at}.${part}`, of] as [string, typeof of]),
    ];
  });
}

function withOption(sample: object | undefined, path: string, value: unknown): object {
  const [first = "", ...rest] = path.split(".");
  if (rest.length === 0) return { ...sample, [first]: value };
  const name = first.replace("[0]", "");
  const given = (sample as Record<string, object> | undefined)?.[name];
  const inner = withOption(Array.isArray(given) ? given[0] : given, rest.join("."), value);
  return { ...sample, [name]: name === first ? inner : [inner] };
}

async function outcome(factory: Factory, wrong: object, options: unknown): Promise<unknown> {
  const args = Object.values({ ...factory.args, ...wrong });
  try {
    await runWithUserContext(context, () => factory.call(args as never[], options as never));
    return "accepted";
  } catch (error) {
    return error;
  }
}

function expectRefusal(error: unknown, factory: string, option: string, what: string): void {
  expect(error, `${what} for ${option}`).toMatchObject({ code: "invalid_option" });
  const { message } = error as Error;
  const at = option.split(".").map((part) => part.replaceAll(/[.*+?^$()[\]\\]/g, "\\$&"));
  expect(message).toMatch(new RegExp(`^${factory}: ${at.join("\\.")}\\b`));
  expect(message).not.toContain("hunter2");
}

function expectMissing(
  { optional }: OptionCheck<unknown>,
  result: unknown,
  factory: string,
  option: string,
): void {
  if (!optional) expectRefusal(result, factory, option, "nothing");
  else if (result !== "accepted") expect(oneOfSeveral).toContain(`${factory} ${option}`);
}

function expectNoSecret(result: unknown, what: string): void {
  if (result === "accepted") return;
  expect(isHostedAgentIdentityError(result), `${what}: ${String(result)}`).toBe(true);
  const { message, help } = result as HostedAgentIdentityError;
  expect(`${message} ${help} ${JSON.stringify(result)} ${inspect(result)}`).not.toContain("hunter2");
}

function expectNoCrash(result: unknown, what: string): void {
  if (result === "accepted") return;
  expect(isHostedAgentIdentityError(result), `${what}: ${String(result)}`).toBe(true);
  expect((result as Error).message).not.toContain("hunter2");
}

function kindOf(value: unknown): OptionKind {
  if (Array.isArray(value)) return "list";
  return typeof value === "string" ? "text" : (typeof value as OptionKind);
}

function isPlainFunction(value: unknown): boolean {
  return typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value));
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function throwing(): object {
  const fail = (): never => {
    throw new TypeError("looked at");
  };
  return new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail });
}

function cycle(): object {
  const one: { self?: object } = {};
  one.self = one;
  return one;
}

describe("the network, the clock, randomness and the listener", () => {
  const shared = Object.entries(runtimeOptions);
  const tables = Object.entries(factories)
    .filter(([entry]) => entry !== "./testing" && entry !== "./otel")
    .flatMap(([, ofEntry]) => Object.entries(ofEntry))
    .flatMap(([name, { table }]) => (table === undefined ? [] : [{ name, table }]));
  const taken = tables.flatMap(({ name, table }) =>
    shared.flatMap(([option, check]) =>
      option in table ? [{ name, option, check, own: table[option] }] : [],
    ),
  );

  it.each(taken)("are the one Runtime's in $name: $option", ({ own, check }) => {
    expect(own).toBe(check);
  });

  it("are taken by the factories that one object has to serve", () => {
    const takers = new Set(taken.map(({ name }) => name));
    for (const name of ["entraApp", "userAccess", "userTokenVerifier", "createSignIn", "responses"])
      expect(takers).toContain(name);
  });
});
