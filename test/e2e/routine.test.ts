import { createServer } from "node:http";
import express from "express";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  protectedResource,
  type UserAccess,
  userAccess,
  type UserContextOptions,
  userTokenVerifier,
} from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/express";
import type { SignIn } from "hosted-agent-identity/sign-in";
import { type FoundryEmulator, startFoundry } from "hosted-agent-identity/testing";
import { decodeClaims } from "../../src/entra/token-claims.js";

import { codeOf, person, titleOf } from "../sign-in/support/person.js";
import { signInSite, type Site } from "../sign-in/support/site.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";
import { listening, type RunningHost } from "../support/listening.js";

const chat = "https://ai.azure.com";
let world: SignInWorld;
let site: Site;
let foundry: FoundryEmulator;
let container: RunningHost;
let mcp: RunningHost;
let access: UserAccess;
/** Whom the MCP server saw, by object id. */
let seen: unknown[];
/** Whose work the turns without a person do. */
let unattended: NonNullable<UserContextOptions["unattended"]>;
let signIn: SignIn;

beforeEach(async () => {
  seen = [];
  unattended = () => false;
  world = await signInWorld();
  mcp = await listening(
    createServer((request, response) => {
      seen.push(decodeClaims(request.headers.authorization?.slice(7) ?? "")?.oid);
      response.end("the report is written");
    }),
  );
  const contacts = protectedResource({ ...world.contacts, url: `${mcp.url}/mcp` });
  site = await signInSite(world, { resources: [contacts] });
  foundry = await startFoundry({ entra: world.entra });
  begin(site.signIn, contacts);
  await serve();
});
afterEach(async () => {
  await container.close();
  await access.close();
  await foundry.close();
  await site.close();
  await mcp.close();
  await world.entra.close();
});

function begin(service: SignIn, contacts = access.resource): void {
  signIn = service;
  access = userAccess(contacts, [service.tokens()]);
}

async function serve(): Promise<void> {
  const app = express();
  app.get("/readiness", (_request, response) => void response.sendStatus(200));
  app.use(
    userContext({
      verify: userTokenVerifier({ app: world.app() }),
      platformUserId: "one-person",
      unattended: (platform) => unattended(platform),
      environment: {
        hosted: true,
        agentName: foundry.env["FOUNDRY_AGENT_NAME"] ?? "agent",
        projectEndpoint: foundry.projectEndpoint,
      },
    }),
  );
  app.post(
    "/responses",
    responses(
      async function* () {
        yield await access.fetch(access.url, { method: "POST", body: "{}" }).then((answer) => answer.text());
      },
      { signIn, agentReference: { type: "agent_reference", name: "agent", version: "1" } },
    ),
  );
  container = await listening(createServer(app));
  foundry.connectAgent(container.url);
}

interface Told {
  readonly status: string;
  readonly error?: { readonly code: string } | null;
  readonly output: readonly {
    readonly type: string;
    readonly consent_link?: string;
    readonly content?: readonly { readonly text: string }[];
  }[];
}

/** A request of the platform; for a user with a user token, of a client that has one. */
async function ask(token: string, input: string, userToken?: string): Promise<Told> {
  const answer = await fetch(foundry.responsesUrl, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      ...(userToken === undefined ? {} : { "x-client-user-token": userToken }),
    },
    body: JSON.stringify({ input }),
  });
  return (await answer.json()) as Told;
}

/** With what a routine calls the agent: an identity of the agent's, or its creator's. */
const tokenOf = (identity: "agent" | "creator"): Promise<string> =>
  identity === "agent"
    ? world.entra.issueAppToken({ app: chat, client: "agent" })
    : world.entra.issueUserToken({ user: "Bob", app: chat, client: "agent" });
const routine = async (identity: "agent" | "creator" = "agent"): Promise<Told> =>
  ask(await tokenOf(identity), "Write the nightly report.");
const ids = (user: string): { tid: string; oid: string } => {
  const { tenantId, oid } = world.entra.user(user);
  return { tid: tenantId, oid };
};
const textOf = ({ output }: Told): string =>
  output.flatMap(({ content = [] }) => content.map(({ text }) => text)).join("");
const linkIn = ({ output }: Told): string =>
  output.find(({ type }) => type === "oauth_consent_request")?.consent_link ?? "";
const signInAs = async (user: string, link: string): Promise<string> =>
  titleOf(await person(world.entra, user).signIn(link));

it("works for the owner that it names, once that very person has signed in through its link", async () => {
  unattended = () => ids("Ada");
  const asked = await routine();
  expect([asked.status, seen]).toEqual(["incomplete", []]);
  // Whoever reads the routine's answer can open the link, and cannot become its owner.
  expect(await signInAs("Bob", linkIn(asked))).toBe("This link is for another account");
  expect(linkIn(await routine())).not.toBe("");
  expect(await signInAs("Ada", linkIn(asked))).toBe("You are signed in");
  expect(textOf(await routine())).toBe("the report is written");
  expect(seen).toEqual([ids("Ada").oid]);
  // The sign-in was of an account: no code, and nothing to confirm.
  unattended = () => ids("Bob");
  expect((await routine()).status).toBe("incomplete");
  expect(seen).toEqual([ids("Ada").oid]);
});

it("works on the grant that its owner left in a chat, in a later process, until the owner signs out", async () => {
  const adas = await world.entra.issueUserToken({ user: "Ada", app: "agent" });
  const token = await world.entra.issueUserToken({ user: "Ada", app: chat, client: "agent" });
  expect(await signInAs("Ada", linkIn(await ask(token, "Hello", adas)))).toBe("You are signed in");
  unattended = () => ids("Ada");
  expect(textOf(await routine())).toBe("the report is written");
  const next = site.twin();
  await container.close();
  await access.close();
  begin(next);
  await serve();
  expect(textOf(await routine("creator"))).toBe("the report is written");
  expect(seen).toEqual([ids("Ada").oid, ids("Ada").oid]);
  await next.signOut({ kind: "entra", ...ids("Ada") });
  expect((await routine()).status).toBe("incomplete");
  expect(seen).toHaveLength(2);
});

it.each(["agent", "creator"] as const)(
  "owns nothing and makes no link under the platform's id of the %s, whatever that id was given before",
  async (identity) => {
    // Somebody has signed in under this id while it counted as a person's.
    const asked = await routine(identity);
    const page = await person(world.entra, "Bob").signIn(linkIn(asked));
    const code = codeOf(page);
    const token = await tokenOf(identity);
    await ask(token, code);
    expect(textOf(await ask(token, "yes"))).toContain("the report is written");
    seen.length = 0;
    unattended = () => true;
    const refused = await routine(identity);
    expect([refused.status, refused.error?.code, linkIn(refused)]).toEqual([
      "failed",
      "user_not_identified",
      "",
    ]);
    // Neither does a code or a yes mean anything there.
    await ask(token, code);
    await ask(token, "yes");
    expect(seen).toEqual([]);
    unattended = () => false;
    expect(textOf(await routine(identity))).toBe("the report is written");
  },
);
