import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  onBehalfOf,
  passthrough,
  protectedResource,
  type ProtectedResource,
  type ResponsesOptions,
  type TokenSource,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { person, titleOf } from "../sign-in/support/person.js";
import { signInSite, type Site } from "../sign-in/support/site.js";
import { signInWorld, type SignInWorld } from "../sign-in/support/signing-in.js";
import { listening, type RunningHost } from "../support/listening.js";
import { responsesHosts } from "../support/responses-hosts.js";

/** Ada, an agent, an MCP server, Entra and the sign-in pages, each on a socket of its own. */
let world: SignInWorld;
let site: Site;
let contacts: ProtectedResource;
let agent: RunningHost | undefined;
let access: UserAccess | undefined;
let mcp: RunningHost & { requests: number };
/** What the MCP server wants of Ada's token, in `acrs`. */
let wanted: string | undefined;

beforeEach(async () => {
  wanted = undefined;
  world = await signInWorld();
  const server: Server = createServer((request, response) => {
    mcp.requests += 1;
    const { oid, acrs } = decodeClaims(request.headers.authorization?.slice(7) ?? "") ?? {};
    const name = world.entra.users.find((user) => user.oid === oid)?.name;
    if (name !== "Ada" || wanted === undefined || (Array.isArray(acrs) && acrs.includes(wanted)))
      return void response.end(`hello ${name}`);
    const claims = Buffer.from(demand(wanted)).toString("base64");
    const challenge = `Bearer realm="", error="insufficient_claims", claims="${claims}"`;
    response.writeHead(401, { "www-authenticate": challenge }).end();
  });
  mcp = Object.assign(await listening(server), { requests: 0 });
  contacts = protectedResource({ ...world.contacts, url: `${mcp.url}/mcp` });
  site = await signInSite(world, { resources: [contacts] });
  for (const user of ["Ada", "Bob"])
    world.entra.grantConsent({ user, client: "agent", resource: "contacts", scopes: ["contacts.read"] });
});
afterEach(async () => {
  await agent?.close();
  await access?.close();
  await site.close();
  await mcp.close();
  await world.entra.close();
});

const demand = (value: string): string =>
  JSON.stringify({ access_token: { acrs: { essential: true, value } } });
const userToken = (user: string, claimsChallenge?: string, app = "agent"): Promise<string> =>
  world.entra.issueUserToken({ user, app, ...(claimsChallenge === undefined ? {} : { claimsChallenge }) });
const posts = (): number => world.entra.requests.filter(({ path }) => path.endsWith("/token")).length;

/** An agent whose framework makes a text of every error, or gets its tokens first. */
async function start(
  sources: readonly TokenSource[],
  when: "in the run" | "first" = "in the run",
): Promise<void> {
  const app = world.app();
  access = userAccess(contacts, sources);
  const { fetch, url } = access;
  const options: ResponsesOptions = when === "first" ? { prepare: [access] } : {};
  agent = await responsesHosts["node:http"]?.(
    async function* () {
      yield await fetch(url, { method: "POST", body: "{}" }).then(
        (response) => response.text(),
        () => "I could not reach your contacts.",
      );
    },
    options,
    { verify: userTokenVerifier({ app, passthroughTo: [contacts] }), environment: { hosted: false } },
  );
}

interface Told {
  readonly httpStatus: number;
  readonly challenge: string | null;
  readonly status?: string;
  readonly error?: { readonly code: string; readonly additionalInfo?: { readonly claims?: string } } | null;
  readonly output?: readonly {
    readonly type: string;
    readonly consent_link?: string;
    readonly content?: readonly { readonly text: string }[];
  }[];
  readonly posts: number;
  readonly requests: number;
}

async function ask(token: string, stream = false): Promise<Told> {
  const before = { posts: posts(), requests: mcp.requests };
  const response = await fetch(`${agent?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-client-user-token": token },
    body: JSON.stringify({ input: "Who am I?", stream }),
  });
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const last = isStream ? (text.trimEnd().split("\n\n").at(-1)?.split("\ndata: ")[1] ?? "") : text;
  const told = JSON.parse(last) as Told & { response?: Told };
  return {
    ...(told.response ?? told),
    httpStatus: response.status,
    challenge: response.headers.get("www-authenticate"),
    posts: posts() - before.posts,
    requests: mcp.requests - before.requests,
  };
}

const cardsOf = ({ output = [] }: Told): string[] => output.flatMap(({ consent_link }) => consent_link ?? []);
const textOf = ({ output = [] }: Told): string =>
  output.flatMap(({ content = [] }) => content.map(({ text }) => text)).join("");

describe.each<[string, () => string | undefined]>([
  [
    "Entra demands a second factor",
    () => world.entra.policies.add({ type: "mfa", user: "Ada", resource: "contacts" }).id,
  ],
  ["the MCP server demands an authentication context", () => (wanted = "c1")],
])("%s,", (_who, demanding) => {
  it("and sign-in can ask for it: one card, and the second turn succeeds with the old user token", async () => {
    await start([onBehalfOf(world.app()), site.signIn.tokens()]);
    const old = await userToken("Ada");
    expect(textOf(await ask(old))).toBe("hello Ada");
    demanding();
    // Entra's policy counts from the next exchange on.
    await access?.close();
    await agent?.close();
    await start([onBehalfOf(world.app()), site.signIn.tokens()]);

    const asked = await ask(old);
    expect(asked).toMatchObject({ httpStatus: 200, status: "incomplete" });
    const [link = "", ...more] = cardsOf(asked);
    expect(more).toEqual([]);
    expect(titleOf(await person(world.entra, "Ada").signIn(link))).toBe("You are signed in");

    const answered = await ask(old);
    expect([answered.status, textOf(answered), cardsOf(answered)]).toEqual(["completed", "hello Ada", []]);
    const third = await ask(old, true);
    expect([textOf(third), third.posts, third.requests]).toEqual(["hello Ada", 0, 1]);
  });

  it("and only the caller can ask for it: 401 with the claims, and its next user token is served", async () => {
    await start([onBehalfOf(world.app())]);
    demanding();
    const old = await userToken("Ada");
    const refused = await ask(old);
    const claims = refused.error?.additionalInfo?.claims ?? "";
    expect(JSON.parse(claims)).toHaveProperty("access_token");
    expect(refused).toMatchObject({
      httpStatus: 401,
      challenge: `Bearer realm="", error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`,
      error: { code: "step_up_required", type: "authentication_error", param: null },
    });
    // Asked again with the same token, Entra would say the same.
    expect(await ask(old)).toMatchObject({
      httpStatus: 401,
      posts: 0,
      error: { additionalInfo: { claims } },
    });

    // In a stream the status line was sent before anybody knew.
    expect(await ask(old, true)).toMatchObject({
      httpStatus: 200,
      status: "failed",
      error: { code: "step_up_required", additionalInfo: { claims } },
    });

    const fresh = await ask(await userToken("Ada", claims), true);
    expect([fresh.status, textOf(fresh)]).toEqual(["completed", "hello Ada"]);
  });

  it("of Ada: Bob beside her notices nothing", async () => {
    await start([onBehalfOf(world.app()), site.signIn.tokens()]);
    demanding();
    const [ada, bob] = await Promise.all([userToken("Ada"), userToken("Bob")]);
    expect(cardsOf(await ask(ada))).toHaveLength(1);
    const beside = await ask(bob);
    expect([textOf(beside), beside.posts, beside.requests]).toEqual(["hello Bob", 1, 1]);
  });
});

it("Entra demands a second factor before the run starts: a stream is refused with 401 and the claims, too", async () => {
  world.entra.policies.add({ type: "mfa", user: "Ada", resource: "contacts" });
  await start([onBehalfOf(world.app())], "first");
  const refused = await ask(await userToken("Ada"), true);
  expect(refused).toMatchObject({ httpStatus: 401, error: { code: "step_up_required" }, requests: 0 });
  expect(refused.challenge).toContain('error="insufficient_claims", claims="');
});

it("Entra blocks with claims: no sign-in helps, so nobody is asked for one", async () => {
  world.entra.policies.add({ type: "blocked", user: "Ada", resource: "contacts" });
  await start([onBehalfOf(world.app()), site.signIn.tokens()]);
  const blocked = await ask(await userToken("Ada"));
  // The framework has swallowed it, as it may.
  expect(blocked).toMatchObject({ httpStatus: 200, status: "completed", challenge: null });
  expect(cardsOf(blocked)).toEqual([]);
});

it("the MCP server demands more of the caller's own token: 401 with its claims, and the next one is served", async () => {
  wanted = "c1";
  await start([passthrough()]);
  const refused = await ask(await userToken("Ada", undefined, "contacts"));
  expect(refused).toMatchObject({ httpStatus: 401, posts: 0, requests: 1 });
  expect(refused.error?.additionalInfo?.claims).toBe(demand("c1"));
});
