import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isTokenExchangeError } from "hosted-agent-identity";
import { challengeBudget } from "../../src/access/challenge-budget.js";
import { goodBody, json, refusal, type Answer } from "../support/token-endpoint.js";
import { others, threePeople, type McpAnswer, type Outcome, type ThreePeople } from "./three-people.js";

/** One way of the MCP server to fail Ada, and everything that may come of it. */
interface McpFault {
  readonly fault: string;
  readonly answer: McpAnswer;
  /** How Entra answers what the fault makes us ask; default: a token. */
  readonly entra?: Answer;
  /** What her caller sees: a status, or the code and category of an error. */
  readonly sees: Outcome["sees"];
  /** What her first call costs: POSTs to Entra (the first token is one), requests to the MCP server. */
  readonly posts: number;
  readonly requests: number;
  /** The same for the call after it, in a new turn, while the trouble lasts. */
  readonly next: { readonly sees: Outcome["sees"]; readonly posts: number; readonly requests: number };
}

const challenge =
  (status: number, header: string): McpAnswer =>
  (_request, response) =>
    void response.writeHead(status, { "www-authenticate": header }).end();
const times =
  (many: number, answer: McpAnswer): McpAnswer =>
  (request, response, nth) =>
    nth <= many ? answer(request, response, nth) : void response.end("hello Ada");

const stale = 'Bearer error="invalid_token"';
const more = 'Bearer error="insufficient_scope", scope="contacts.write"';
const claims = '{"access_token":{"nbf":{"essential":true,"value":"1"}}}';
const claimsChallenge = `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`;
const asksForMore: Answer = (form, response) =>
  form.has("claims")
    ? json(response, 400, refusal("interaction_required", 50076, { claims }))
    : json(response, 200, goodBody(form));
const refusesScopes: Answer = (form, response) =>
  form.get("scope")?.includes("contacts.write") === true
    ? json(response, 400, refusal("invalid_scope", 70011))
    : json(response, 200, goodBody(form));

const served = { sees: 200, posts: 0, requests: 1 } as const;
const unauthorized = { code: "resource_unauthorized", category: "config" } as const;
const tooLittle = { code: "insufficient_scope", category: "config" } as const;
const stepUp = { code: "step_up_required", category: "stepup" } as const;
const elsewhere = { code: "redirect_refused", category: "config" } as const;
const entraSaysNo = { code: "token_exchange_failed", category: "config" } as const;

let trap: Server;
let trapped = 0;
const trapUrl = (): string => `http://127.0.0.1:${(trap.address() as AddressInfo).port}`;

/** Challenges that want to confuse, to be followed, or to cost time. */
const hostile: readonly [string, () => string][] = [
  [
    "addresses of its own",
    () => `Bearer resource_metadata="${trapUrl()}/m", authorization_uri="${trapUrl()}/a"`,
  ],
  ["a quote that never ends", () => 'Bearer error="invalid_token'],
  [
    "a claims request about the id token",
    () => `Bearer claims="${Buffer.from('{"id_token":{}}').toString("base64")}"`,
  ],
  ["claims that are no JSON", () => 'Bearer error="insufficient_claims", claims="%%%"'],
  ["a thousand challenges", () => Array.from({ length: 1_000 }, (_, n) => `a${n} b=c`).join(", ")],
  ["a thousand backslashes", () => `Bearer error="${"\\".repeat(1_001)}"`],
  ["the names of object properties", () => 'Bearer __proto__="x", constructor="y", error="toString"'],
];

const faults: readonly McpFault[] = [
  {
    fault: "401 once",
    answer: times(1, challenge(401, stale)),
    sees: 200,
    posts: 2,
    requests: 2,
    next: served,
  },
  {
    fault: "401 for ever, to her only",
    answer: challenge(401, stale),
    sees: unauthorized,
    posts: 2,
    requests: 2,
    next: { sees: unauthorized, posts: 0, requests: 1 },
  },
  {
    fault: "401 without a challenge, for ever",
    answer: (_request, response) => void response.writeHead(401).end(),
    sees: unauthorized,
    posts: 2,
    requests: 2,
    next: { sees: unauthorized, posts: 0, requests: 1 },
  },
  {
    fault: "a claims challenge that Entra meets",
    answer: times(1, challenge(401, claimsChallenge)),
    sees: 200,
    posts: 2,
    requests: 2,
    next: served,
  },
  {
    fault: "a claims challenge that she has to meet",
    answer: challenge(401, claimsChallenge),
    entra: asksForMore,
    sees: stepUp,
    posts: 2,
    requests: 1,
    next: { sees: stepUp, posts: 0, requests: 1 },
  },
  {
    fault: "a claims challenge for ever",
    answer: challenge(401, claimsChallenge),
    sees: unauthorized,
    posts: 2,
    requests: 2,
    next: { sees: unauthorized, posts: 0, requests: 1 },
  },
  {
    fault: "a demand on her sign-in that no exchange meets (RFC 9470)",
    answer: challenge(401, 'Bearer error="insufficient_user_authentication", acr_values="gold", max_age=0'),
    sees: stepUp,
    posts: 2,
    requests: 2,
    next: { sees: stepUp, posts: 0, requests: 1 },
  },
  {
    fault: "403 of Microsoft.Identity.Web, with claims that Entra meets",
    answer: times(
      1,
      challenge(403, `Bearer consentUri="https://login.example/authorize", claims="${claims}", scopes="a,b"`),
    ),
    sees: 200,
    posts: 2,
    requests: 2,
    next: served,
  },
  {
    fault: "403 of Microsoft.Identity.Web, with a link and no claims",
    answer: challenge(403, 'Bearer consentUri="https://login.example/authorize", claims="", scopes="a,b"'),
    sees: 403,
    posts: 1,
    requests: 1,
    next: { sees: 403, posts: 0, requests: 1 },
  },
  {
    fault: "403 that wants more scopes",
    answer: times(1, challenge(403, more)),
    sees: 200,
    posts: 2,
    requests: 2,
    next: served,
  },
  {
    fault: "403 that wants the same scopes again and again",
    answer: challenge(403, more),
    sees: tooLittle,
    posts: 2,
    requests: 2,
    next: { sees: tooLittle, posts: 0, requests: 1 },
  },
  {
    fault: "403 that wants scopes Entra refuses",
    answer: challenge(403, more),
    entra: refusesScopes,
    sees: entraSaysNo,
    posts: 2,
    requests: 1,
    next: { sees: entraSaysNo, posts: 0, requests: 1 },
  },
  {
    fault: "403 that wants scopes of another resource",
    answer: challenge(
      403,
      'Bearer error="insufficient_scope", scope="https://graph.microsoft.com/Mail.Read"',
    ),
    sees: tooLittle,
    posts: 1,
    requests: 1,
    next: { sees: tooLittle, posts: 0, requests: 1 },
  },
  {
    fault: "a plain 403",
    answer: (_request, response) => void response.writeHead(403).end(),
    sees: 403,
    posts: 1,
    requests: 1,
    next: { sees: 403, posts: 0, requests: 1 },
  },
  {
    fault: "a reset",
    answer: (_request, response) => void response.destroy(),
    sees: { code: "TypeError", category: "none" },
    posts: 1,
    requests: 2,
    next: { sees: { code: "TypeError", category: "none" }, posts: 0, requests: 2 },
  },
  {
    fault: "a reset in the middle of a stream",
    answer: (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write('event: message\ndata: {"jsonrpc"', () => response.destroy());
    },
    sees: 200,
    posts: 1,
    requests: 1,
    next: { sees: 200, posts: 0, requests: 1 },
  },
  {
    fault: "503",
    answer: (_request, response) => void response.writeHead(503, { "retry-after": "60" }).end(),
    sees: 503,
    posts: 1,
    requests: 1,
    next: { sees: 503, posts: 0, requests: 1 },
  },
  {
    fault: "a redirect to another origin",
    answer: (_request, response) => void response.writeHead(307, { location: `${trapUrl()}/mcp` }).end(),
    sees: elsewhere,
    posts: 1,
    requests: 1,
    next: { sees: elsewhere, posts: 0, requests: 1 },
  },
  {
    fault: "a redirect to itself",
    answer: (_request, response) => void response.writeHead(308, { location: "/mcp" }).end(),
    sees: elsewhere,
    posts: 1,
    requests: 6,
    next: { sees: elsewhere, posts: 0, requests: 6 },
  },
  ...hostile.map(([what, header]): McpFault => ({
    fault: `a 401 whose challenge has ${what}`,
    answer: (request, response, nth) => challenge(401, header())(request, response, nth),
    sees: unauthorized,
    posts: 2,
    requests: 2,
    next: { sees: unauthorized, posts: 0, requests: 1 },
  })),
];

let world: ThreePeople;
beforeEach(async () => {
  trapped = 0;
  trap = createServer((_request, response) => void response.end(String((trapped += 1))));
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  world = await threePeople();
});
afterEach(async () => {
  await world.close();
  trap.closeAllConnections();
  await new Promise((resolve) => trap.close(resolve));
});

describe("the MCP server fails one person", () => {
  it.each(faults)(
    "with $fault: $posts POST(s), $requests request(s), and nobody else notices",
    async ({ answer, entra, sees, posts, requests, next }) => {
      world.mcpTroubles(answer);
      world.entraTroubles(entra);

      const [ada, ...beside] = await Promise.all([
        world.turn("Ada"),
        ...others.map((one) => world.turn(one)),
      ]);
      expect(ada).toMatchObject({ sees, posts, requests });
      expect(beside.map(({ body, ...cost }) => [body, cost.posts, cost.requests])).toEqual([
        ["hello Bob", 1, 1],
        ["hello Cy", 1, 1],
      ]);

      expect(await world.turn("Ada")).toMatchObject(next);
      for (const one of others) expect(await world.turn(one)).toMatchObject(served);
      expect(trapped).toBe(0);

      world.mcpTroubles(undefined);
      world.entraTroubles(undefined);
      world.pass(5_000);
      const recovered = await world.turn("Ada");
      expect(recovered).toMatchObject({ sees: 200, body: "hello Ada", requests: 1 });
      expect(recovered.posts).toBeLessThanOrEqual(1);
    },
  );

  it("with a 401 for ever, for a minute: one POST in five seconds, however often the agent tries", async () => {
    world.mcpTroubles(challenge(401, stale));
    for (let second = 0; second < 60; second += 1) {
      for (let n = 0; n < 5; n += 1) await world.turn("Ada");
      world.pass(1_000);
    }
    expect(world.forms.length).toBeLessThanOrEqual(1 + 60 / 5);
  });

  it("with a token that serves others too: what it was refused for her is not held against them", () => {
    const refusals = challengeBudget(() => 0);
    refusals.note("Ada", "the agent's own token", "401");
    expect(refusals.has("Ada", "the agent's own token", "401")).toBe(true);
    expect(refusals.has("Bob", "the agent's own token", "401")).toBe(false);
  });

  it("with a claims challenge she has to meet: the error holds the claims, for whoever can ask her", async () => {
    world.mcpTroubles(challenge(401, claimsChallenge));
    world.entraTroubles(asksForMore);
    const { error } = await world.turn("Ada");
    expect(isTokenExchangeError(error) && error.claims).toBe(claims);
    // She signed in again: her new user token meets the demand.
    world.entraTroubles(undefined);
    world.mcpTroubles(undefined);
    expect(await world.turn("Ada", "with a second factor")).toMatchObject({ sees: 200, posts: 1 });
  });
});
