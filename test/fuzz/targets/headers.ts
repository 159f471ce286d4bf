import {
  createUserContext,
  type UserContext,
  type UserContextOptions,
  UserTokenError,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { contextOfRequest, userContextSettings } from "../../../src/request/create.js";
import { rawHeaderPairs } from "../../../src/request/calling-host.js";
import { isHeaderSafe, isIdentityHeader } from "../../../src/foundry/headers.js";
import { partitionKeyOf } from "../../../src/foundry/ids.js";
import { field, listIn, maybe, textOf, valueIn, type FuzzTarget, type Input } from "../target.js";
import { oid, personToken, tenant } from "./people.js";

/** Takes one token, so that what stands behind the verifier is reached. */
const verify: UserTokenVerifier = async (token) => {
  if (typeof token !== "string" || !token.startsWith("ey")) throw new UserTokenError("user_token_malformed");
  return { user: { tid: tenant, oid }, assertion: { token, hash: "h", claims: {}, use: "app" } };
};

const hosted = {
  hosted: true,
  projectEndpoint: "https://project.example.com",
  agentName: "agent",
  sessionId: "s-1",
};

function pairsIn(input: Input): [string, string][] {
  return listIn(input, "headers").flatMap((one) =>
    Array.isArray(one) ? [[textOf(one[0] ?? ""), textOf(one[1] ?? "")] as [string, string]] : [],
  );
}

const platform = [
  ["x-agent-user-id", "u-123"],
  ["x-agent-foundry-call-id", "c-456"],
  ["x-agent-session-id", "s-789"],
  ["x-agent-response-id", "caresp_0123456789abcdef00ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"],
  ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"],
];

export const headerTargets: readonly FuzzTarget[] = [
  {
    name: "inbound headers",
    from: "callers, and whoever sits in front",
    files: [
      "src/request/calling-host.ts#headerPairs,rawHeaderPairs,valuesOf,pair",
      "src/request/create.ts#userTokenOf,platformContext,platformId,clientHeaders,traceContext,joined,secretHeaders,createUserContext,contextOfRequest,contextOf,entraPrincipal,platformPrincipal,isUserToken",
      "src/foundry/headers.ts",
      "src/foundry/ids.ts#partitionKeyOf",
    ],
    shape: "fields",
    seeds: [
      {
        form: "pairs",
        headers: [
          ["X-Client-User-Token", `Bearer ${personToken}`],
          ["x-client-app", "a"],
          ["x-client-app", "b"],
          ...platform,
        ],
      },
      {
        form: "record",
        headers: [["x-client-user-token", personToken], ["authorization", "Bearer other"], ...platform],
      },
      { form: "lists", headers: [["x-client-user-token", "\t bearer \t"], ...platform], require: true },
      {
        form: "headers",
        headers: [
          ["authorization", `bearer ${personToken} `],
          ["baggage", "a=1"],
          ["baggage", "b=2"],
        ],
        tokenHeader: "authorization",
      },
      { form: "raw", headers: [["x-client-user-token", `${personToken},${personToken}`]] },
      { form: "raw", headers: platform, hosted: true, again: true },
      { form: "raw", headers: [["x-client-user-token", personToken]], again: true, hosted: true },
      { form: "pairs", headers: platform, hosted: true },
      { form: "pairs", headers: platform, hosted: true, undeclared: true },
      { form: "pairs", headers: platform, hosted: "unnamed" },
      { form: "absent", headers: [] },
      { form: "pairs", headers: [["x-agent-user-id", "a,b"]], hosted: true },
      {
        form: "pairs",
        headers: [
          ["x-agent-user-id", "a"],
          ["X-Agent-User-Id", "b"],
        ],
        hosted: true,
      },
      { form: "pairs", headers: [["x-agent-user-id", "a b"]], hosted: true },
      { form: "pairs", headers: [["x-agent-user-id", ""]], hosted: true },
      { form: "token", headers: [["", personToken]] },
      { form: "token", headers: [], require: true },
      { form: "pairs", headers: [["x-client-user-token", `a${" ".repeat(60_000)}b`]] },
      { form: "none", headers: [["x-client-user-token", personToken]] },
      {
        form: "pairs",
        headers: [
          ["x-agent-response-id", `caresp_${"A".repeat(48)}`],
          ["x-ms-user-identity", "x"],
        ],
      },
    ],
    words: [
      "x-client-",
      "x-agent-",
      "x-client-user-token",
      "authorization",
      "X-Aml-Oid",
      "x-ms-user-isolation-key",
      "Bearer ey",
      "unnamed",
    ],
    async run(input) {
      const pairs = pairsIn(input);
      const pure: unknown[] = [];
      for (const [name, value] of pairs)
        pure.push(
          isIdentityHeader(name),
          isHeaderSafe(value),
          partitionKeyOf(value),
          partitionKeyOf(undefined),
        );
      const form = field(input, "form");
      const tokenHeader =
        field(input, "tokenHeader") === "authorization" ? { tokenHeader: "authorization" } : {};
      const isHosted = valueIn(input, "hosted");
      const options: UserContextOptions = {
        verify: form === "none" ? "none" : verify,
        ...tokenHeader,
        ...(valueIn(input, "require") === true && form !== "none" ? { require: true } : {}),
        ...(valueIn(input, "undeclared") === true ? {} : { platformUserId: "one-person" }),
        environment:
          isHosted === true ? hosted : isHosted === "unnamed" ? { hosted: true } : { hosted: false },
      };
      if (form === "token")
        return createUserContext({ userToken: maybe({ token: pairs[0]?.[1] }, "token") }, options);
      if (form === "record") return createUserContext(Object.fromEntries(pairs), options);
      if (form === "lists")
        return createUserContext(
          Object.fromEntries(pairs.map(([name, value]) => [name, [value, value]])),
          options,
        );
      if (form === "absent") return createUserContext({ "x-client-user-token": undefined }, options);
      if (form === "headers") {
        const headers = new Headers();
        for (const [name, value] of pairs)
          if (/^[\w-]+$/.test(name) && /^[ -~]*$/.test(value)) headers.append(name, value);
        return createUserContext(headers, options);
      }
      if (form !== "raw") return createUserContext(pairs, options);
      const settings = userContextSettings(options);
      const request = {};
      const context = await contextOfRequest(rawHeaderPairs([...pairs.flat(), "odd"]), [request], settings);
      return valueIn(input, "again") === true ? contextOfRequest([], [request], settings) : context;
    },
    secrets: (input) => pairsIn(input).map(([, value]) => value),
    holds(input, value) {
      const { clientHeaders, principal, user } = value as UserContext;
      const names = Object.keys(clientHeaders);
      if (names.some((name) => !name.startsWith("x-client-") || name === "x-client-user-token"))
        throw new Error("a header that holds a token is handed on");
      if (principal?.kind === "platform" && (valueIn(input, "hosted") !== true || user !== undefined))
        throw new Error("a platform header made a principal where it must not");
    },
    unreachable: [
      {
        file: "src/request/calling-host.ts",
        line: 'rawHeaders[at] ?? ""',
        why: "the index is below the length",
      },
    ],
  },
];
