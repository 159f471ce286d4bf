import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import {
  agentOnBehalfOf,
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  entraConsentLink,
  isHostedAgentIdentityError,
  onBehalfOf,
  protectedResource,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserContext,
  userTokenVerifier,
  type UserTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";
import { acquirer } from "../../src/tokens/acquire.js";
import { scriptedTokenStore } from "../support/shared-token-stores.js";

let entra: EntraEmulator;
let time: number;
let app: EntraApp;
let verify: UserTokenVerifier;
let customer: string;
let tenants: Set<string>;
let asked: string[];
let broken: boolean;
const now = (): number => time;

beforeAll(async () => {
  entra = await startEntra({
    tenants: [{ name: "home" }, { name: "customer" }],
    apps: [
      { name: "agent", tenant: "home", scopes: ["chat"], secrets: ["s"], installedIn: ["customer"] },
      {
        name: "contacts",
        tenant: "home",
        scopes: ["read"],
        installedIn: ["customer"],
        preAuthorized: [{ client: "agent", scopes: ["read"] }],
      },
    ],
    users: [
      { name: "Ada", tenant: "home" },
      { name: "Cy", tenant: "customer" },
    ],
    now: () => time,
  });
});
afterAll(() => entra.close());
beforeEach(() => {
  time = Date.now();
  [asked, broken] = [[], false];
  const [home, other] = entra.tenants.map(({ id }) => id);
  customer = other ?? "";
  tenants = new Set([home ?? ""]);
  app = entraApp({
    tenantId: home ?? "",
    clientId: entra.app("agent").clientId,
    credential: clientSecret("s"),
    cloud: entra.cloud,
    now,
    async allowedTenants(tid) {
      asked.push(tid);
      if (broken) throw new Error("no database");
      return tenants.has(tid);
    },
  });
  verify = userTokenVerifier({ app, now });
});

function access(more: Parameters<typeof userAccess>[2] = {}): UserAccess {
  const { clientId } = entra.app("contacts");
  const contacts = protectedResource({
    url: "https://contacts.example.com/mcp",
    serverLabel: "contacts",
    scopes: [`api://${clientId}/read`],
    audiences: [clientId],
  });
  return userAccess(contacts, [onBehalfOf(app)], { now, ...more });
}

const tokenOf = (user: string): Promise<string> => entra.issueUserToken({ user, app: "agent" });
const contextFor = (userToken: string): Promise<UserContext> => createUserContext({ userToken }, { verify });
const exchanges = (): number => entra.requests.filter(({ method }) => method === "POST").length;

async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "let in";
  } catch (error) {
    return isHostedAgentIdentityError(error) ? error.code : String(error);
  }
}

it("lets the people of a new customer in within a minute, without a new process", async () => {
  const token = await tokenOf("Cy");
  const requests = entra.requests.length;
  expect(await outcome(() => contextFor(token))).toBe("user_token_tenant");
  expect(asked).toEqual([customer]);
  // Nothing was fetched from an address with that tenant in it.
  expect(entra.requests.length).toBe(requests);
  tenants.add(customer);
  time += 59_000;
  expect(await outcome(() => contextFor(token))).toBe("user_token_tenant");
  time += 1_000;
  const context = await contextFor(token);
  expect(await outcome(() => access().token(context))).toBe("let in");
});

it("ends remembered tokens of users, kept tokens and exchanges within a minute of a tenant's removal", async () => {
  tenants.add(customer);
  const token = await tokenOf("Cy");
  const contacts = access();
  const context = await contextFor(token);
  await contacts.token(context);
  expect(await outcome(() => contacts.token(context))).toBe("let in");
  const before = exchanges();
  tenants.delete(customer);
  time += 60_000;
  expect(await outcome(() => contextFor(token))).toBe("user_token_tenant");
  expect(await outcome(() => contacts.token(context))).toBe("user_token_tenant");
  expect(await outcome(() => access().token(context))).toBe("user_token_tenant");
  expect(exchanges()).toBe(before);
  // Another tenant's users notice nothing.
  expect(await outcome(async () => contacts.token(await contextFor(await tokenOf("Ada"))))).toBe("let in");
});

it("ends the tokens that a cache shares between processes", async () => {
  tenants.add(customer);
  const sharedCache = { store: scriptedTokenStore(), encryptionKeys: [new Uint8Array(32).fill(7)] };
  const token = await tokenOf("Cy");
  await access({ sharedCache }).token(await contextFor(token));
  const context = await contextFor(token);
  const before = exchanges();
  expect(await outcome(() => access({ sharedCache }).token(context))).toBe("let in");
  expect(exchanges()).toBe(before);
  tenants.delete(customer);
  time += 60_000;
  expect(await outcome(() => access({ sharedCache }).token(context))).toBe("user_token_tenant");
});

it("gives no kept token instead of a refused one, either", async () => {
  let allowed = true;
  const given = { token: "kept", expiresAt: time + 3_600_000, source: "own" };
  const source: TokenSource = {
    kind: "own",
    provesUser: true,
    cacheScope: "own",
    usesAssertion: false,
    cached: true,
    skip: () => undefined,
    allows: async () => allowed,
    acquire: () =>
      Promise.resolve({ status: "token", token: allowed ? given : { ...given, token: "asked" } }),
  };
  const { resource } = access();
  const made = acquirer({
    resource,
    sources: [source],
    timeoutMs: 5_000,
    now,
    onEvent: undefined,
    random: () => 0.5,
  });
  const context = await contextFor(await tokenOf("Ada"));
  await made.acquire(context);
  expect((await made.acquire(context, { refused: "another" })).token).toBe("kept");
  allowed = false;
  expect((await made.acquire(context, { refused: "another" })).token).toBe("asked");
  await made.close();
});

it("asks once a minute for a tenant, and exchanges no more often than with a list", async () => {
  const contacts = access();
  const token = await tokenOf("Ada");
  const context = await contextFor(token);
  for (let n = 0; n < 5; n += 1) {
    await contextFor(token);
    await contacts.token(context);
  }
  const before = exchanges();
  expect(asked).toHaveLength(1);
  for (let minute = 1; minute <= 3; minute += 1) {
    time += 60_000;
    await contextFor(token);
    await contacts.token(context);
    expect(asked).toHaveLength(1 + minute);
  }
  expect(exchanges()).toBe(before);
});

it("refuses, with 503 and a code of its own, while nobody can say", async () => {
  const token = await tokenOf("Ada");
  const contacts = access();
  const context = await contextFor(token);
  await contacts.token(context);
  broken = true;
  time += 60_000;
  await expect(contextFor(token)).rejects.toMatchObject({ code: "tenants_unavailable", status: 503 });
  expect(await outcome(() => contacts.token(context))).toBe("tenants_unavailable");
  broken = false;
  expect(await outcome(() => contacts.token(context))).toBe("let in");
});

it("leads a consent link into the user's tenant only while that is allowed", async () => {
  const link = entraConsentLink({ app, redirectUri: "https://chat.example.com/consented" });
  const user = { tid: customer, oid: entra.user("Cy").oid, name: "Cy", username: "cy@example.com" };
  const tenantIn = async () =>
    new URL(
      (await link({ serverLabel: "c", scopes: ["api://c/read"], reason: "consent", user })).link,
    ).pathname
      .split("/")
      .at(1);
  expect(await tenantIn()).toBe(app.tenantId);
  tenants.add(customer);
  time += 60_000;
  expect(await tenantIn()).toBe(customer);
  expect(await tenantIn()).toBe(customer);
});

it("is asked for an agent identity when its token is, and not before", async () => {
  const source = agentOnBehalfOf({ blueprint: app, agentIdentityId: customer, tenantId: customer });
  expect(asked).toEqual([]);
  const context = await contextFor(await tokenOf("Ada"));
  expect(await source.allows?.(context)).toBe(true);
});
