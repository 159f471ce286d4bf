import { afterEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  entraApp,
  foundryToolbox,
  onBehalfOf,
  protectedResource,
  type TokenSource,
  userAccess,
} from "hosted-agent-identity";
import { openSessions } from "../../src/server/sessions.js";
import { agentApp, contextFor, contextWithoutToken, mcpApp, tenant } from "../support/people.js";
import { goodBody, unsigned } from "../support/token-endpoint.js";

/** More than any key of a map needs: an address, a principal, some digests. */
const maxKey = 600;

/**
 * The texts that maps and sets were keyed by while some work ran, as far as they are long or hold one of the
 * secrets. Also those of maps that are empty again afterwards, and of ones that somebody will add.
 */
async function suspectKeys(secrets: () => readonly string[], work: () => Promise<void>): Promise<string[]> {
  const seen = new Set<string>();
  const { set } = Map.prototype;
  const { add } = Set.prototype;
  const note = (key: unknown): void => {
    if (typeof key === "string") add.call(seen, key);
  };
  Reflect.set(Map.prototype, "set", function (this: Map<unknown, unknown>, key: unknown, value: unknown) {
    note(key);
    return set.call(this, key, value);
  });
  Reflect.set(Set.prototype, "add", function (this: Set<unknown>, key: unknown) {
    note(key);
    return add.call(this, key);
  });
  try {
    await work();
  } finally {
    Reflect.set(Map.prototype, "set", set);
    Reflect.set(Set.prototype, "add", add);
  }
  expect(seen.size).toBeGreaterThan(0);
  const parts = secrets();
  return [...seen].filter((key) => key.length > maxKey || parts.some((part) => key.includes(part)));
}

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/read`],
  audiences: [mcpApp],
});
const marker = "words-of-the-server";
const words = (length: number): string => `${marker}-${"v".repeat(length)}`;
let count = 0;

/** A server that asks for something else each time, in as many words as fit, and is content with every third. */
function hostile(): { fetch: (input: unknown, init?: RequestInit) => Promise<Response> } {
  const answers = [
    () => {
      const claims = JSON.stringify({ access_token: { [words(8_000)]: { value: `${(count += 1)}` } } });
      const encoded = Buffer.from(claims).toString("base64");
      return { status: 401, challenge: `Bearer error="insufficient_claims", claims="${encoded}"` };
    },
    () => ({
      status: 403,
      challenge: `Bearer error="insufficient_scope", scope="${"s".repeat(400)}${(count += 1)}"`,
    }),
    () => ({ status: 401, challenge: "Bearer" }),
  ];
  let calls = 0;
  return {
    async fetch() {
      calls += 1;
      const headers = { "mcp-session-id": words(8_000) + String(count) };
      if (calls % 3 === 0) return new Response("ok", { headers });
      const { status, challenge } = answers[Math.floor(calls / 3) % answers.length]?.() ?? {
        status: 500,
        challenge: "",
      };
      return new Response("", { status, headers: { ...headers, "www-authenticate": challenge } });
    },
  };
}

const call = (sessionId?: string): RequestInit => ({
  method: "POST",
  body: "{}",
  headers: sessionId === undefined ? {} : { "mcp-session-id": sessionId },
});

afterEach(() => void vi.unstubAllEnvs());

describe("no map is keyed by a token, by claims, or by a server's words of any length", () => {
  it("in an access whose server asks for something else with each answer", async () => {
    const tokens: string[] = [];
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: clientSecret("not-a-real-secret"),
      async fetch(_input, init) {
        const form = new URLSearchParams(String(init?.body));
        tokens.push(form.get("assertion") ?? "");
        const body = goodBody(form) as { access_token: string };
        tokens.push(body.access_token);
        return Response.json(body);
      },
    });
    const standIn: TokenSource = {
      kind: "stand-in",
      provesUser: true,
      cacheScope: "",
      usesAssertion: false,
      cached: true,
      skip: () => ({ reason: "no_user", detail: "never." }),
      acquire: () => Promise.reject(new Error("never asked")),
    };
    const access = userAccess(resource, [onBehalfOf(app), standIn], { fetch: hostile().fetch });
    const suspects = await suspectKeys(
      () => [marker, ...tokens.map((token) => token.slice(-40))],
      async () => {
        for (let person = 0; person < 3; person += 1) {
          const context = contextFor();
          for (let n = 0; n < 8; n += 1)
            await access
              .as(context)
              .fetch(resource.url, call(n === 0 ? undefined : words(1_000)))
              .catch(() => undefined);
        }
      },
    );
    expect(tokens.length).toBeGreaterThan(10);
    expect(suspects).toEqual([]);
  });

  it("in a toolbox, whose token is everybody's", async () => {
    vi.stubEnv("HOSTED_AGENT_IDENTITY_DEVELOPER", "1");
    const person = "dddddddd-0000-4000-8000-000000000007";
    const tokens: string[] = [];
    const credential = {
      async getToken() {
        const token = unsigned({ scp: "x", tid: tenant, oid: person, n: (count += 1) });
        tokens.push(token);
        return { token, expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const toolbox = foundryToolbox({
      name: "support",
      projectEndpoint: "https://hub.services.ai.azure.com/api/projects/p",
      credential,
      fetch: hostile().fetch,
      maxRetries: 0,
    });
    const context = contextWithoutToken();
    const suspects = await suspectKeys(
      () => [marker, ...tokens.map((token) => token.slice(-40))],
      async () => {
        for (let n = 0; n < 8; n += 1)
          await toolbox
            .as(context)
            .fetch(toolbox.url, call(words(1_000)))
            .catch(() => undefined);
      },
    );
    expect(tokens.length).toBeGreaterThan(1);
    expect(suspects).toEqual([]);
  });

  it("in an MCP server's own record of sessions", async () => {
    const suspects = await suspectKeys(
      () => [marker],
      async () => {
        const sessions = openSessions();
        sessions.opened(words(8_000), "Ada");
        expect(sessions.isOf(words(8_000), "Ada")).toBe(true);
        expect(sessions.isOf(words(8_000), "Bob")).toBe(false);
      },
    );
    expect(suspects).toEqual([]);
  });
});
