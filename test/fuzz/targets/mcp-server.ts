import { type TokenClaims, UserTokenError, type VerifiedUserToken } from "hosted-agent-identity";
import { admit, type Admission, gateOf } from "../../../src/server/admit.js";
import { callsOf } from "../../../src/server/tool-requirements.js";
import { isRefusal, parsed } from "../../../src/server/node.js";
import { gateSettings } from "../../../src/server/options.js";
import type { GateSettings } from "../../../src/server/settings.js";
import { metadataAnswer } from "../../../src/server/resource-metadata.js";
import { field, maybe, valueIn, type FuzzTarget, type Input } from "../target.js";
import { clientId, now, oid, otherClient, personClaims, tenant } from "./people.js";

const settings = gateSettings({
  url: "https://mcp.example.com/mcp",
  app: { tenantId: tenant, clientId, cloud: "global" },
  scopes: ["access_as_user"],
  tools: {
    remove: { scopes: ["Contacts.Write"], authContext: "c1" },
    export: { scopes: ["Contacts.Read"], roles: ["All"] },
  },
  applications: { roles: ["All", "Some"] },
  demand: ({ params }) =>
    params["fresh"] === true ? { claims: '{"access_token":{"nbf":null}}' } : undefined,
  name: "Contacts",
  documentation: "https://mcp.example.com/docs",
});
const application = { ...personClaims, scp: undefined, idtyp: "app", sub: oid };

/** The gate with a verifier that says what the input wants: signatures have a target of their own. */
function settingsOf(input: Input): GateSettings {
  const claims = { ...personClaims, ...(valueIn(input, "claims") as object | undefined) } as TokenClaims;
  const fault = field(input, "fault");
  return {
    ...settings,
    async verify(token) {
      if (fault === "down")
        throw new UserTokenError("signing_keys_unavailable", "down", {}, { retryAfterMs: 1500 });
      if (fault !== "") throw new UserTokenError("user_token_malformed", fault);
      return { user: { tid: tenant, oid }, assertion: { claims, token } } as VerifiedUserToken;
    },
  };
}

/** Node gives texts, and nothing else. */
function authorization(input: Input): readonly string[] {
  const given = valueIn(input, "authorization");
  return Array.isArray(given) ? given.filter((one): one is string => typeof one === "string") : [];
}

/** What has passed is JSON. */
function parsedBody(input: Input): unknown {
  const hasCalls = !["GET", "HEAD", "DELETE", "OPTIONS"].includes(field(input, "method"));
  return hasCalls ? JSON.parse(field(input, "body")) : [];
}

function call(name: string, more: object = {}): object {
  return { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, ...more } };
}

const all = "access_as_user Contacts.Write";

export const mcpServerTargets: readonly FuzzTarget[] = [
  {
    name: "requests to an MCP server",
    from: "any MCP client",
    files: [
      "src/server/admit.ts",
      "src/server/tool-requirements.ts#callsOf,callOf,unmet,unmetDemand,demandChecks,closedUnlessByRole,lackingClaims,contextsOf,isMessage,isRecord",
      "src/server/auth-info.ts#authInfoOf,applicationOf,callerOf",
      "src/server/resource-metadata.ts#metadataAnswer",
      "src/server/node.ts#parsed",
    ],
    shape: "fields",
    seeds: [
      { method: "POST", authorization: ["Bearer x.y.z"], body: call("list") },
      { method: "POST", authorization: ["bearer   x.y.z  "], body: [call("list"), call("remove")] },
      { method: "POST", authorization: ["Bearer x.y.z"], body: call("remove"), claims: { scp: all } },
      {
        method: "POST",
        authorization: ["Bearer x.y.z"],
        body: call("remove"),
        claims: { scp: all, acrs: ["c1"] },
      },
      {
        method: "POST",
        authorization: ["Bearer x.y.z"],
        body: call("remove"),
        claims: { scp: all, acrs: "c1" },
      },
      { method: "POST", authorization: ["Bearer x.y.z"], body: call("list", { fresh: true }) },
      { method: "POST", authorization: ["Bearer x.y.z"], body: { jsonrpc: "2.0", id: 1, result: {} } },
      {
        method: "POST",
        authorization: ["Bearer x.y.z"],
        body: { jsonrpc: "2.0", method: "ping", params: 5 },
      },
      { method: "POST", authorization: ["Bearer x.y.z"], body: "{" },
      { method: "POST", authorization: ["Bearer x.y.z"], body: "[]" },
      { method: "POST", authorization: ["Bearer x.y.z"], long: true },
      { method: "GET", authorization: ["Bearer x.y.z"], session: "mine" },
      { method: "DELETE", authorization: ["Bearer x.y.z"], session: "mine" },
      { method: "POST", authorization: ["Bearer x.y.z"], session: "theirs", body: call("list") },
      { method: "POST", authorization: ["Bearer x.y.z"], body: call("list"), answered: 500 },
      { method: "POST", authorization: ["Bearer x.y.z"], body: call("list"), opens: "new" },
      { method: "POST", authorization: ["Bearer a", "Bearer b"], body: call("list") },
      { method: "POST", authorization: [] },
      { method: "POST", authorization: ["Basic eDp5"] },
      { method: "POST", authorization: ["Bearer x.y.z"], fault: "down" },
      { method: "POST", authorization: ["Bearer x.y.z"], fault: "what was wrong" },
      ...[["All"], ["Some"], [], "All", [5, "All"]].flatMap((roles) =>
        ["list", "remove", "export"].map((tool) => ({
          method: "POST",
          authorization: ["Bearer x.y.z"],
          body: call(tool),
          claims: { ...application, roles },
        })),
      ),
      {
        method: "POST",
        authorization: ["Bearer x.y.z"],
        body: call("list"),
        claims: { azp: undefined, exp: undefined },
      },
      { method: "GET", path: "/.well-known/oauth-protected-resource/mcp" },
      { method: "HEAD", path: "/.well-known/oauth-protected-resource/mcp/" },
      { method: "OPTIONS", path: "/.well-known/oauth-protected-resource/mcp" },
      { method: "POST", path: "/.well-known/oauth-protected-resource/mcp" },
    ],
    words: ["jsonrpc", "2.0", "tools/call", "params", "name", "remove", "export", "acrs", "roles", "Bearer "],
    public: [settings.url.href, settings.metadataUrl, clientId, tenant, otherClient, String(now)],
    async run(input) {
      const method = field(input, "method");
      const path = maybe(input, "path");
      if (path !== undefined) return metadataAnswer(settings, { method, path });
      const gate = gateOf(settingsOf(input));
      const { sessions } = gate;
      sessions.opened("mine", JSON.stringify(["entra", tenant, oid]));
      sessions.opened("theirs", JSON.stringify(["entra", tenant, otherClient]));
      const text = field(input, "body");
      const outcome = await admit(
        {
          method,
          authorization: authorization(input),
          sessionId: maybe(input, "session"),
          body: async () => parsed(valueIn(input, "long") === true ? undefined : Buffer.from(text)),
        },
        gate,
      ).catch((error: unknown): Admission => {
        if (isRefusal(error)) return { refused: error };
        throw error;
      });
      if ("admitted" in outcome)
        outcome.admitted.answered(statusOf(valueIn(input, "answered")), maybe(input, "opens"));
      return outcome;
    },
    secrets: authorization,
    says: (value) => JSON.stringify((value as { refused?: unknown } | undefined)?.refused ?? ""),
    holds(input, value) {
      const outcome = value as Partial<Admission> | undefined;
      if (outcome === undefined || !("admitted" in outcome)) return;
      const scopes = outcome.admitted?.authInfo.scopes ?? [];
      const person = outcome.admitted?.authInfo.extra.user !== undefined;
      if (person && !scopes.includes("access_as_user"))
        throw new Error("a person without the scope of every call");
      if (!person && callsOf(parsedBody(input))?.some(({ tool }) => tool === "remove"))
        throw new Error("an application has called what needs a scope");
      if (field(input, "session") === "theirs") throw new Error("somebody else's session");
    },
  },
];

/** A host knows the status of its own answer: it is a number whatever the fuzzer makes of the input. */
function statusOf(value: unknown): number {
  return typeof value === "number" ? value : 200;
}
