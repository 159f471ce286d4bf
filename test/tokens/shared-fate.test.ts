import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  clientSecret,
  createUserContext,
  entraApp,
  type EntraApp,
  type IdentityEvent,
  isHostedAgentIdentityError,
  onBehalfOf,
  protectedResource,
  type UserContext,
  userAccess,
  type UserAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { type EntraEmulator, startEntra } from "hosted-agent-identity/testing";

const [home, other] = ["home", "other"] as const;
const staff = ["Ada", "Bob", "Cleo"];
const crowd = ["Dan", "Eve", "Fay", "Gus", "Hal", "Ida"];

let entra: EntraEmulator;
let app: EntraApp;
let time: number;
let events: IdentityEvent[];
const now = (): number => time;

beforeEach(async () => {
  time = Date.now();
  events = [];
  entra = await startEntra({
    tenants: [{ name: home }, { name: other }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"], tenant: home },
      { name: "contacts", scopes: ["contacts.read"], tenant: home },
    ],
    users: [
      ...staff.map((name) => ({ name, tenant: home })),
      ...crowd.map((name) => ({ name, tenant: other })),
    ],
  });
  for (const user of [...staff, ...crowd])
    entra.grantConsent({ user, client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  const [first, ...more] = entra.tenants.map(({ id }) => id);
  app = entraApp({
    tenantId: first ?? "",
    allowedTenants: [first ?? "", ...more],
    clientId: entra.app("agent").clientId,
    credential: clientSecret("agent-secret"),
    cloud: entra.cloud,
    now,
    onEvent: (event) => void events.push(event),
  });
});
afterEach(() => entra.close());

/** As an agent has one for each of its MCP servers. */
function accesses(count: number): readonly UserAccess[] {
  const { clientId } = entra.app("contacts");
  return Array.from({ length: count }, (_, n) => {
    const resource = protectedResource({
      url: `https://mcp${n}.example.com/mcp`,
      serverLabel: `server ${n}`,
      scopes: [`api://${clientId}/contacts.read`],
      audiences: [clientId],
    });
    return userAccess(resource, [onBehalfOf(app)], { now });
  });
}

async function contextOf(user: string): Promise<UserContext> {
  const userToken = await entra.issueUserToken({ user, app: "agent" });
  return createUserContext({ userToken }, { verify: userTokenVerifier({ app, now }) });
}

const posts = (): number => entra.requests.filter(({ method }) => method === "POST").length;

async function seen(access: UserAccess | undefined, user: string): Promise<string> {
  try {
    await access?.token(await contextOf(user));
    return "served";
  } catch (error) {
    return isHostedAgentIdentityError(error) ? error.code : String(error);
  }
}

describe("a storm of 429", () => {
  it("costs one person the same POSTs with a hundred MCP servers as with one", async () => {
    entra.policies.add({ type: "throttled", user: "Ada", retryAfterS: 30 });
    const cost = async (servers: readonly UserAccess[]): Promise<number> => {
      const before = posts();
      for (let turn = 0; turn < 5; turn += 1) {
        for (const server of servers) await seen(server, "Ada");
        time += 30_000;
        await Promise.all(servers.map((server) => seen(server, "Ada")));
        time += 30_000;
      }
      return posts() - before;
    };
    const one = await cost(accesses(1));
    // Long enough for the first storm to be forgotten.
    time += 600_000;
    expect([one, await cost(accesses(100))]).toEqual([10, 10]);
  });

  it("stops nobody else: of fifty others at other servers all are served", async () => {
    entra.policies.add({ type: "throttled", user: "Ada", retryAfterS: 120 });
    const servers = accesses(50);
    await seen(servers[0], "Ada");
    const others = await Promise.all(servers.map((server, n) => seen(server, ["Bob", "Cleo"][n % 2] ?? "")));
    expect(others.filter((one) => one !== "served")).toEqual([]);
  });

  it("in one tenant stops that tenant, at every server, and no other tenant", async () => {
    for (const user of crowd) entra.policies.add({ type: "throttled", user, retryAfterS: 3_600 });
    const servers = accesses(5);
    for (const [n, server] of servers.entries()) await seen(server, crowd[n] ?? "");
    expect(events.at(-1)).toEqual({ type: "back_off", scope: "tenant", forMs: 60_000 });
    const before = posts();
    expect(await Promise.all(servers.map((server) => seen(server, "Ida")))).toEqual(
      servers.map(() => "backing_off"),
    );
    expect(posts()).toBe(before);
    expect(await Promise.all(servers.map((server) => seen(server, "Bob")))).toEqual(
      servers.map(() => "served"),
    );
  });

  it("with an hour to wait is obeyed for five minutes, then one request of the person finds out", async () => {
    const policy = entra.policies.add({ type: "throttled", user: "Ada", retryAfterS: 3_600 });
    const servers = accesses(3);
    await seen(servers[0], "Ada");
    time += 299_000;
    expect(await seen(servers[1], "Ada")).toBe("backing_off");
    time += 1_000;
    entra.policies.remove(policy);
    expect((await Promise.all(servers.map((server) => seen(server, "Ada")))).sort()).toEqual([
      "backing_off",
      "backing_off",
      "served",
    ]);
    expect(await Promise.all(servers.map((server) => seen(server, "Ada")))).toEqual(
      servers.map(() => "served"),
    );
  });
});

describe("a person whose tokens are refused for ever", () => {
  it("makes thirty equal exchanges and no more, and every other exchange of hers goes on", async () => {
    const [contacts, calendar] = accesses(2);
    const ada = await contextOf("Ada");
    const results: string[] = [];
    for (let n = 0; n < 40; n += 1) {
      const given = await contacts?.token(ada).catch((error: unknown) => error);
      if (isHostedAgentIdentityError(given)) results.push(given.code);
      else contacts?.forget(ada);
    }
    expect([posts(), results]).toEqual([30, Array.from({ length: 10 }, () => "backing_off")]);
    expect([await seen(calendar, "Ada"), await seen(contacts, "Bob")]).toEqual(["served", "served"]);
    time += 10_000;
    expect(await seen(contacts, "Ada")).toBe("served");
  });

  it("is not helped by fresh user tokens: the exchange is the same", async () => {
    const [contacts] = accesses(1);
    const results: string[] = [];
    for (let n = 0; n < 31; n += 1) {
      // Each differs from the last in when it expires.
      const userToken = await entra.issueUserToken({ user: "Ada", app: "agent", expiresInS: 600 + n });
      const context = await createUserContext({ userToken }, { verify: userTokenVerifier({ app, now }) });
      results.push(
        await (contacts?.token(context) ?? Promise.reject()).then(
          () => "served",
          (error: unknown) => (isHostedAgentIdentityError(error) ? error.code : String(error)),
        ),
      );
    }
    expect(results.slice(-2)).toEqual(["served", "backing_off"]);
  });
});
