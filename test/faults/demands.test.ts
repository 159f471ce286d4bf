import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { goodBody, json, refusal, unsigned, type Answer } from "../support/token-endpoint.js";
import { others, threePeople, type McpAnswer, type ThreePeople } from "./three-people.js";

let world: ThreePeople;
beforeEach(async () => (world = await threePeople()));
afterEach(() => world.close());

const contextOf = (value: string): string =>
  JSON.stringify({ access_token: { acrs: { essential: true, value } } });
const claimsChallenge = (value: string): string =>
  `Bearer error="insufficient_claims", claims="${Buffer.from(contextOf(value)).toString("base64")}"`;
const refuse =
  (
    status: number,
    header: (nth: number) => string,
    when: (nth: number, request: IncomingMessage) => boolean,
  ): McpAnswer =>
  (request, response, nth) =>
    when(nth, request)
      ? void response.writeHead(status, { "www-authenticate": header(nth) }).end()
      : void response.end("hello Ada");

/** What the token of a request was asked for. */
function askedFor({ headers }: IncomingMessage): {
  readonly acr: unknown;
  readonly scopes: readonly string[];
} {
  const { acrs, scp } = decodeClaims(headers.authorization?.slice(7) ?? "") ?? {};
  return { acr: acrs, scopes: String(scp).split(" ") };
}

/** Entra, writing into each token what was asked for. */
const written: Answer = (form, response) => {
  const body = goodBody(form);
  const { oid, tid } = decodeClaims(String(form.get("assertion"))) ?? {};
  const claims = JSON.parse(form.get("claims") ?? "{}") as { access_token?: { acrs?: { value: string } } };
  const scp = (form.get("scope") ?? "")
    .split(" ")
    .map((scope) => scope.split("/").at(-1))
    .join(" ");
  const acrs = claims.access_token?.acrs?.value;
  json(response, 200, { ...body, access_token: unsigned({ oid, tid, scp, acrs, n: world.forms.length }) });
};
const asksForMore: Answer = (form, response) =>
  form.has("claims")
    ? json(response, 400, refusal("interaction_required", 50076, { claims: contextOf("c1") }))
    : json(response, 200, goodBody(form));

/** A turn a second for a minute. */
async function busyMinute(): Promise<string[]> {
  const seen = new Set<string>();
  for (let second = 0; second < 60; second += 1) {
    const { sees } = await world.turn("Ada");
    seen.add(typeof sees === "number" ? String(sees) : sees.code);
    world.pass(1_000);
  }
  return [...seen].sort();
}

describe("a demand that Ada has to meet, and does not", () => {
  it("costs one POST in five seconds, however often the agent tries", async () => {
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge("c1"),
        () => true,
      ),
    );
    world.entraTroubles(asksForMore);
    expect(await busyMinute()).toEqual(["step_up_required"]);
    expect(world.forms.length).toBeLessThanOrEqual(1 + 60 / 5);
    for (const one of others) expect(await world.turn(one)).toMatchObject({ sees: 200, posts: 1 });
  });

  it("is asked about anew at once when she comes with another user token", async () => {
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge("c1"),
        () => true,
      ),
    );
    world.entraTroubles(asksForMore);
    await world.turn("Ada");
    expect(await world.turn("Ada")).toMatchObject({
      sees: { code: "step_up_required" },
      posts: 0,
      requests: 1,
    });
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge("c1"),
        (_nth, request) => askedFor(request).acr !== "c1",
      ),
    );
    world.entraTroubles(written);
    expect(await world.turn("Ada", "with a second factor")).toMatchObject({
      sees: 200,
      posts: 2,
      requests: 2,
    });
  });

  it("of one tool leaves her token to the others", async () => {
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge("c1"),
        (nth) => nth === 1,
      ),
    );
    world.entraTroubles(asksForMore);
    expect(await world.turn("Ada")).toMatchObject({
      sees: { code: "step_up_required" },
      posts: 2,
      requests: 1,
    });
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 0, requests: 1 });
  });

  it("does not stop her from meeting another one", async () => {
    let wanted = "c1";
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge(wanted),
        (_nth, request) => askedFor(request).acr !== wanted,
      ),
    );
    const meetsOnlyC2: Answer = (form, ...rest) =>
      String(form.get("claims")).includes("c1") ? asksForMore(form, ...rest) : written(form, ...rest);
    world.entraTroubles(meetsOnlyC2);
    expect(await world.turn("Ada")).toMatchObject({ sees: { code: "step_up_required" } });
    wanted = "c2";
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1, requests: 2 });
  });

  it("in place of the exchange itself costs one POST in five seconds, too", async () => {
    world.entraTroubles((_form, response) =>
      json(response, 400, refusal("interaction_required", 50076, { claims: contextOf("c1") })),
    );
    expect(await busyMinute()).toEqual(["step_up_required"]);
    expect(world.forms.length).toBeLessThanOrEqual(60 / 5);
    world.entraTroubles(written);
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 });
  });
});

describe("a demand that was met", () => {
  it.each([
    ["that is made of the very token that met it, costs another POST", 0],
    ["that is made when the token that met it has run out, costs another POST", 3_600_000],
  ])("and %s", async (_what, ms) => {
    world.entraTroubles(written);
    world.mcpTroubles(
      refuse(
        401,
        () => claimsChallenge("c1"),
        (nth) => nth % 2 === 1,
      ),
    );
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 2, requests: 2 });
    world.pass(ms);
    const plainPosts = ms === 0 ? 0 : 1;
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 1 + plainPosts, requests: 2 });
  });

  it("costs calls side by side one POST together", async () => {
    world.entraTroubles(written);
    world.mcpTroubles((request, response) => {
      if (askedFor(request).acr === "c1") return void response.end("hello Ada");
      response.writeHead(401, { "www-authenticate": claimsChallenge("c1") }).end();
    });
    for (let n = 0; n < 20; n += 1) {
      const calls = await Promise.all(Array.from({ length: 10 }, () => world.turn("Ada", `sign-in ${n}`)));
      expect(new Set(calls.map(({ sees }) => sees))).toEqual(new Set([200]));
      if (n % 6 === 5) world.pass(60_000);
    }
    expect(world.forms).toHaveLength(40);
  });
});

describe("a demand that changes with every answer", () => {
  it.each<[string, McpAnswer, string]>([
    [
      "of claims, which a new token meets until the next call",
      refuse(
        401,
        (nth) => claimsChallenge(`c${nth}`),
        (nth) => nth % 2 === 1,
      ),
      "resource_unauthorized",
    ],
    [
      "of claims, which no token meets",
      refuse(
        401,
        (nth) => claimsChallenge(`c${nth}`),
        () => true,
      ),
      "resource_unauthorized",
    ],
    [
      "of scopes, which a new token meets until the next call",
      refuse(
        403,
        (nth) => `Bearer error="insufficient_scope", scope="s${nth}"`,
        (nth) => nth % 2 === 1,
      ),
      "insufficient_scope",
    ],
    [
      "of scopes, which no token meets",
      refuse(
        403,
        (nth) => `Bearer error="insufficient_scope", scope="s${nth}"`,
        () => true,
      ),
      "insufficient_scope",
    ],
    [
      "of a new token for each call",
      refuse(
        401,
        () => 'Bearer error="invalid_token"',
        (nth) => nth % 2 === 1,
      ),
      "resource_unauthorized",
    ],
  ])("%s costs her eight POSTs a minute, then an error and no POST", async (_what, answer, code) => {
    world.entraTroubles(written);
    world.mcpTroubles(answer);
    expect(await busyMinute()).toContain(code);
    expect(world.forms.length).toBeLessThanOrEqual(1 + 8);
    for (const one of others) expect(await world.turn(one)).toMatchObject({ sees: 200, posts: 1 });
    world.mcpTroubles(undefined);
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 0 });
  });
});

describe("tools with different demands, called in turns,", () => {
  it("cost one POST for each scope, and then none: what she was given stays in what is asked for", async () => {
    world.entraTroubles(written);
    const needs = (nth: number): string => (nth % 2 === 0 ? "contacts.read" : "contacts.write");
    let call = 0;
    world.mcpTroubles((request, response) => {
      const scope = needs(call);
      if (askedFor(request).scopes.includes(scope)) return void response.end("hello Ada");
      response
        .writeHead(403, { "www-authenticate": `Bearer error="insufficient_scope", scope="${scope}"` })
        .end();
    });
    for (; call < 10; call += 1) expect(await world.turn("Ada")).toMatchObject({ sees: 200 });
    expect(world.forms).toHaveLength(3);
    // Not one refusal more: the newest token has the scopes of both tools.
    expect(await world.turn("Ada")).toMatchObject({ sees: 200, posts: 0, requests: 1 });
  });

  it("cost one POST for each authentication context, and then none: each has its token", async () => {
    world.entraTroubles(written);
    let call = 0;
    world.mcpTroubles((request, response) => {
      const acr = `c${1 + (call % 2)}`;
      if (askedFor(request).acr === acr) return void response.end("hello Ada");
      response.writeHead(401, { "www-authenticate": claimsChallenge(acr) }).end();
    });
    for (; call < 10; call += 1) expect(await world.turn("Ada")).toMatchObject({ sees: 200 });
    expect(world.forms).toHaveLength(3);
  });
});

it("a token that was revoked is not sent again, once there is another one", async () => {
  const revoked = JSON.stringify({ access_token: { nbf: { essential: true, value: "1" } } });
  const header = `Bearer error="insufficient_claims", claims="${Buffer.from(revoked).toString("base64url")}"`;
  const sent: (string | undefined)[] = [];
  world.mcpTroubles((request, response, nth) => {
    sent.push(request.headers.authorization);
    refuse(
      401,
      () => header,
      (n) => n === 1,
    )(request, response, nth);
  });
  for (let n = 0; n < 3; n += 1) expect(await world.turn("Ada")).toMatchObject({ sees: 200 });
  expect(sent.filter((one) => one === sent[0])).toHaveLength(1);
  expect(world.forms).toHaveLength(2);
});
