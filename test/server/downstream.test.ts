import { afterEach, describe, expect, test } from "vitest";
import { isConsentRequiredError, isTokenExchangeError } from "hosted-agent-identity";
import { type EntraPolicy } from "hosted-agent-identity/testing";
import { openClient, type ClientKind } from "../support/mcp-clients.js";
import type { ServerKind } from "../support/protected-servers.js";
import { sdkPairs } from "../support/sdk-pairs.js";
import { startTwoHops, type TwoHops, type TwoHopsOptions } from "../support/two-hops.js";
import { person, titleOf } from "../sign-in/support/person.js";

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function start(kind: ServerKind, options?: TwoHopsOptions): Promise<TwoHops> {
  const world = await startTwoHops(kind, options);
  stops.push(world.close);
  return world;
}

/** What reading mail comes to: the text of the result, or the error. */
async function readMail({ access }: TwoHops, client: ClientKind): Promise<unknown> {
  const mcp = await openClient(client, access.url, { fetch: access.fetch });
  try {
    const result = (await mcp.callTool({ name: "read_mail", arguments: {} })) as {
      content: { text: string }[];
      isError?: boolean;
    };
    return result.isError === true ? { isError: result.content[0]?.text } : result.content[0]?.text;
  } catch (error) {
    return error;
  } finally {
    await mcp.close();
  }
}

/** Sends one request as a client without a session does. */
function send({ access }: TwoHops, rpc: object): Promise<Response> {
  return access.fetch(access.url, {
    method: "POST",
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 7, ...rpc }),
  });
}

/** The claims of a step-up, from an error of the agent's exchange. */
function claimsIn(error: unknown): string {
  expect(isTokenExchangeError(error) ? error.code : error).toBe("step_up_required");
  return (isTokenExchangeError(error) ? error.claims : undefined) ?? "";
}

function linkIn(error: unknown): string {
  expect(isConsentRequiredError(error) ? error.requests : error).toMatchObject([{ reason: "elicitation" }]);
  return isConsentRequiredError(error) ? (error.requests[0]?.link ?? "") : "";
}

describe.each(sdkPairs)(
  "a client of SDK %s, and a server of SDK %s with an API behind it",
  (client, kind) => {
    test("asks for consent on a page of the server's own, and then reads as the person", async () => {
      const world = await start(kind);
      for (const user of ["Ada", "Bob"]) {
        const link = linkIn(await world.as(user, () => readMail(world, client)));
        expect(link.startsWith(`${world.pages}/`)).toBe(true);
        expect(world.server.calls).toEqual([]);
        const page = await person(world.entra, user).signIn(link);
        expect(titleOf(page)).toBe("You are signed in");
        const { oid } = world.entra.user(user);
        expect(await world.as(user, () => readMail(world, client))).toBe(`The mail of ${oid}`);
        expect(world.seen.splice(0)).toEqual([{ oid, client: world.entra.app("mailbox").clientId }]);
        world.server.calls.splice(0);
      }
    });

    test("asks for a factor with claims, which the agent's caller meets", async () => {
      const world = await start(kind);
      world.entra.grantConsent({ user: "Ada", client: "mailbox", resource: "mail", scopes: ["Mail.Read"] });
      world.entra.policies.add({ type: "mfa", user: "Ada", resource: "mail" });
      const claims = claimsIn(await world.as("Ada", () => readMail(world, client)));
      expect(world.server.calls).toEqual([]);
      const { oid } = world.entra.user("Ada");
      expect(await world.as("Ada", () => readMail(world, client), claims)).toBe(`The mail of ${oid}`);
    });

    test("asks for consent that a tool finds out is missing", async () => {
      const world = await start(kind, { needs: "nothing" });
      const link = linkIn(await world.as("Bob", () => readMail(world, client)));
      expect(link.startsWith(`${world.pages}/`)).toBe(true);
      expect(world.server.calls.length).toBe(1);
      await person(world.entra, "Bob").signIn(link);
      const { oid } = world.entra.user("Bob");
      expect(await world.as("Bob", () => readMail(world, client))).toBe(`The mail of ${oid}`);
    });

    test("says to call again where a tool finds out that a factor is missing, and asks for it then", async () => {
      const world = await start(kind, { needs: "nothing", sources: (obo) => [obo] });
      world.entra.grantConsent({ user: "Ada", client: "mailbox", resource: "mail", scopes: ["Mail.Read"] });
      world.entra.policies.add({ type: "mfa", user: "Ada", resource: "mail" });
      const again = await world.as("Ada", async () => {
        expect(await readMail(world, client)).toEqual({
          isError: expect.stringContaining("Call this tool again"),
        });
        return readMail(world, client);
      });
      const claims = claimsIn(again);
      expect(world.server.calls.length).toBe(1);
      const { oid } = world.entra.user("Ada");
      expect(await world.as("Ada", () => readMail(world, client), claims)).toBe(`The mail of ${oid}`);
    });

    test("is told which option lets the person be asked, where the agent takes no page", async () => {
      for (const needs of [{}, "nothing"] as const) {
        const world = await start(kind, { withoutPages: true, needs });
        const told = await world.as("Ada", () => readMail(world, client));
        if (needs === "nothing") expect(told).toEqual({ isError: expect.stringContaining("allowedLinks") });
        else expect(told).toMatchObject({ code: "elicitation_not_allowed" });
        expect(JSON.stringify(told)).not.toContain(world.pages);
      }
    });
  },
);

describe("an API that no token is to be had for", () => {
  const entra = { resource: "mail", grant: "on_behalf_of" } as const;
  test.each<[string, EntraPolicy, number, string, string | null]>([
    [
      "an administrator has to assign the user",
      { type: "refuse", codes: [50105], ...entra },
      403,
      "token_exchange_failed",
      null,
    ],
    ["a policy forbids it", { type: "blocked", ...entra }, 403, "token_exchange_failed", null],
    [
      "the configuration is wrong",
      { type: "refuse", codes: [500011], ...entra },
      500,
      "token_exchange_failed",
      null,
    ],
    ["Entra fails", { type: "transient", ...entra }, 503, "", "1"],
    ["Entra hangs up", { type: "reset", ...entra }, 503, "", "1"],
    ["Entra wants fewer requests", { type: "throttled", retryAfterS: 7, ...entra }, 503, "", "7"],
  ])("%s: the gate says so, and no tool runs", async (_, policy, status, code, retryAfter) => {
    const world = await start("v2-express");
    world.entra.grantConsent({ user: "Ada", client: "mailbox", resource: "mail", scopes: ["Mail.Read"] });
    world.entra.policies.add(policy);
    const answer = await world.as("Ada", () =>
      send(world, { method: "tools/call", params: { name: "read_mail" } }),
    );
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([status, retryAfter]);
    expect(await answer.json()).toMatchObject(
      status === 503 ? { error: "temporarily_unavailable" } : { id: 7, error: { data: { code } } },
    );
    expect(world.server.calls).toEqual([]);
  });
});

test("a page that was made for one person connects nothing for another who follows it", async () => {
  const world = await start("v2-express");
  const link = linkIn(await world.as("Ada", () => readMail(world, "v2-modern")));
  expect(titleOf(await person(world.entra, "Bob").signIn(link))).not.toBe("You are signed in");
  linkIn(await world.as("Ada", () => readMail(world, "v2-modern")));
  expect(world.seen).toEqual([]);
});

test("a page fits on the agent's own page, which leads its person on", async () => {
  const world = await start("v2-express", { agentSignIn: true });
  const link = linkIn(await world.as("Ada", () => readMail(world, "v2-modern")));
  const browser = person(world.entra, "Ada");
  const shown = await browser.atEntra(await browser.press(await browser.open(link)));
  expect(shown.html).toContain(new URL(world.pages).host);
  const done = await browser.atEntra(await browser.press(await browser.press(shown)));
  expect(titleOf(done)).toBe("You are signed in");
});
