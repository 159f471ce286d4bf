import { generateKeyPairSync, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  isHostedAgentIdentityError,
  protectedResource,
  type ProtectedResource,
  userAccess,
  UserContext,
} from "hosted-agent-identity";
import { createSignIn, memoryStore, type SignInOptions } from "hosted-agent-identity/sign-in";
import { contextOf, nobody, platformContext } from "../support/contexts.js";
import { person, titleOf } from "../support/person.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";
import { contextFor } from "../../support/people.js";

let world: SignInWorld;
let site: Site;
let time = Date.now();
const now = (): number => time;
beforeAll(async () => {
  world = await signInWorld();
  site = await signInSite(world, { now });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});

const pair = (): { publicKey: string; privateKey: string } =>
  generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });

async function refusal(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (isHostedAgentIdentityError(error)) return error.code;
    throw error;
  }
  return "no refusal";
}

const user = platformContext("someone");

describe("a link", () => {
  it("is refused to nobody, to a platform id that may be many people, and to a resource's own token", async () => {
    for (const context of [nobody(), platformContext("back end", false), contextFor({}, "resource")])
      expect(await refusal(() => site.signIn.link(context, world.contacts))).toBe("user_not_identified");
    expect(await refusal(() => site.signIn.link(platformContext("declared"), world.contacts))).toBe(
      "no refusal",
    );
  });

  it("or a grant is opened by no token that was made for a resource, whosever it is", async () => {
    const { oid, tenantId: tid } = world.entra.user("Ada");
    const own = contextFor({ tid, oid });
    const page = await person(world.entra, "Ada").signIn((await site.signIn.link(own, world.contacts)).link);
    expect(titleOf(page)).toBe("You are signed in");
    const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
    expect((await contacts.token(contextFor({ tid, oid }))).source).toBe("sign_in");
    const foreign = contextFor({ tid, oid, aud: world.contacts.audiences[0] }, "resource");
    expect(await refusal(() => contacts.token(foreign))).toBe("no_token");
    const until = new Date(time + 60_000);
    expect(await refusal(() => site.signIn.longRunning(foreign, { purpose: "x", until }))).toBe(
      "user_not_identified",
    );
  });

  it("is made in a running turn only, for a listed resource only", async () => {
    const context = await contextOf(world, "Ada");
    const other = protectedResource({ ...world.contacts, url: "https://other.example.com/mcp" });
    expect(await refusal(() => site.signIn.link(context, other))).toBe("invalid_option");
    context.end();
    expect(await refusal(() => site.signIn.link(context, world.contacts))).toBe("context_ended");
  });

  it("shows nothing of whom or what it is for", async () => {
    const context = new UserContext({
      principal: { kind: "entra", tid: "t", oid: "the-object-id" },
      user: { tid: "t", oid: "the-object-id", username: "ada@contoso.com" },
      platform: { hosted: false },
      clientHeaders: {},
      trace: {},
    });
    const { link, expiresAt } = await site.signIn.link(context, world.contacts);
    const text =
      link + Buffer.from(new URL(link).searchParams.get("t") ?? "", "base64url").toString("latin1");
    for (const secret of ["ada@", "the-object-id", "contacts.example.com", "Contacts agent"])
      expect(text).not.toContain(secret);
    expect((expiresAt ?? 0) - time).toBeLessThanOrEqual(15 * 60_000);
    expect(link.length).toBeLessThan(4_000);
  });

  it("works in every process that shares the keys, and after a restart, until a key is taken away", async () => {
    const { link } = await site.signIn.link(user, world.contacts);
    const next = new Uint8Array(randomBytes(32));
    expect(await site.twin().status(link)).toBe("waiting");
    const rotated = site.twin({ encryptionKeys: [next, site.key] });
    expect(await rotated.status(link)).toBe("waiting");
    const newer = await rotated.link(user, world.contacts);
    expect(await site.signIn.status(newer.link)).toBe("unknown");
    expect(await site.twin({ encryptionKeys: [next] }).status(link)).toBe("unknown");
  });

  it("is worthless when a letter of it is changed, at another address, or for another app", async () => {
    const { link } = await site.signIn.link(user, world.contacts);
    const at = link.length - 20;
    const changed = link.slice(0, at) + (link[at] === "A" ? "B" : "A") + link.slice(at + 1);
    expect(await site.signIn.status(changed)).toBe("unknown");
    expect(await site.twin({ publicUrl: "https://other.example.com" }).status(link)).toBe("unknown");
    const app = world.app({ clientId: world.entra.app("contacts").clientId });
    expect(await site.twin({ app }).status(link)).toBe("unknown");
    for (const text of ["", "not a link", "https://x.example.com/?t=", link.slice(0, 60)])
      expect(await site.signIn.status(text)).toBe("unknown");
  });

  it("ends after fifteen minutes, and none is good that claims more", async () => {
    const { link } = await site.signIn.link(user, world.contacts);
    time += 15 * 60_000 - 1;
    expect(await site.signIn.status(link)).toBe("waiting");
    time += 1;
    expect(await site.signIn.status(link)).toBe("expired");
    // An agent whose clock is a little ahead or behind, and one whose clock is far ahead.
    for (const skew of [50_000, -600_000]) {
      const other = site.twin({ now: () => time + skew });
      expect(await site.signIn.status((await other.link(user, world.contacts)).link)).toBe("waiting");
    }
    const ahead = site.twin({ now: () => time + 3_600_000 });
    expect(await site.signIn.status((await ahead.link(user, world.contacts)).link)).toBe("unknown");
  });
});

describe("a service of several agents", () => {
  const [a, b, stranger] = [pair(), pair(), pair()];
  const agents = (): NonNullable<SignInOptions["agents"]> => ({
    "agent A": { publicKeys: [a.publicKey], scopes: world.contacts.scopes },
    "agent B": { publicKeys: [b.publicKey], scopes: world.mail.scopes },
  });
  const agent = (agentName: string, signingKey: string) => site.twin({ agentName, signingKey });

  it("accepts each agent's own links, for the scopes that it may ask for", async () => {
    const service = site.twin({ agentName: "service", agents: agents() });
    const status = async (name: string, key: string, resource = world.contacts) =>
      service.status((await agent(name, key).link(user, resource)).link);
    expect(await status("agent A", a.privateKey)).toBe("waiting");
    expect(await status("agent B", b.privateKey, world.mail)).toBe("waiting");
    expect(await status("agent A", a.privateKey, world.mail)).toBe("unknown");
    expect(await status("agent B", b.privateKey)).toBe("unknown");
  });

  it("refuses a link that agent A has made in agent B's name, and one of an agent nobody listed", async () => {
    const service = site.twin({ agentName: "service", agents: agents() });
    const forged = await agent("agent B", a.privateKey).link(user, world.mail);
    expect(await service.status(forged.link)).toBe("unknown");
    const response = await service.handler(new Request(forged.link));
    expect(response.status).toBe(400);
    expect(await response.text()).toContain("This link does not work");
    const strange = await agent("agent C", stranger.privateKey).link(user, world.mail);
    expect(await service.status(strange.link)).toBe("unknown");
    // A key that is derived from the shared encryption keys is everybody's.
    const derived = await site.twin({ agentName: "agent B" }).link(user, world.mail);
    expect(await service.status(derived.link)).toBe("unknown");
  });

  it("shows a resource by its own label, and refuses a link that names one and asks for another's scopes", async () => {
    const both = { publicKeys: [a.publicKey], scopes: [...world.contacts.scopes, ...world.mail.scopes] };
    const service = site.twin({ agentName: "service", agents: { "agent A": both } });
    const linkOf = async (resource: ProtectedResource): Promise<string> => {
      const made = site.twin({ agentName: "agent A", signingKey: a.privateKey, resources: [resource] });
      return (await made.link(user, resource)).link;
    };
    const harmless = await linkOf(protectedResource({ ...world.mail, serverLabel: "weather" }));
    const html = await (await service.handler(new Request(harmless))).text();
    expect(html).toContain("<strong><bdi>mail</bdi></strong>");
    expect(html).not.toContain("weather");
    const other = protectedResource({ ...world.contacts, scopes: world.mail.scopes });
    expect(await service.status(await linkOf(other))).toBe("unknown");
  });

  it("uses up one agent's link only by that link, whatever number another agent gives its own", async () => {
    const service = site.twin({ agentName: "service", agents: agents() });
    const same = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(1);
    const [ofA, ofB] = await Promise.all(
      [
        ["agent A", a.privateKey, world.contacts] as const,
        ["agent B", b.privateKey, world.mail] as const,
      ].map(async ([agentName, signingKey, resource]) => {
        const made = site.twin({ agentName, signingKey, random: same });
        return (await made.link(await contextOf(world, "Ada"), resource)).link;
      }),
    );
    site.use(service);
    try {
      expect(titleOf(await person(world.entra, "Ada").signIn(ofA ?? ""))).toBe("You are signed in");
    } finally {
      site.use(site.signIn);
    }
    expect(await service.status(ofA ?? "")).toBe("done");
    expect(await service.status(ofB ?? "")).toBe("waiting");
  });

  it("accepts the old and the new key while an agent's key is being replaced", async () => {
    const next = pair();
    const keys = { "agent A": { publicKeys: [next.publicKey, a.publicKey], scopes: world.contacts.scopes } };
    const service = site.twin({ agentName: "service", agents: keys });
    for (const key of [a.privateKey, next.privateKey])
      expect(await service.status((await agent("agent A", key).link(user, world.contacts)).link)).toBe(
        "waiting",
      );
  });

  it("makes no link itself without a key of its own", async () => {
    const service = site.twin({ agentName: "service", agents: agents() });
    expect(await refusal(() => service.link(user, world.contacts))).toBe("invalid_option");
  });
});

describe("createSignIn", () => {
  const options = (): SignInOptions => ({
    app: world.app(),
    publicUrl: "https://agent.example.com",
    resources: [world.contacts],
    store: memoryStore({ quiet: true }),
    encryptionKeys: [site.key],
  });

  it.each<[string, () => Partial<SignInOptions>]>([
    ["an address without https", () => ({ publicUrl: "http://agent.example.com" })],
    ["an address with a query", () => ({ publicUrl: "https://agent.example.com/?a=b" })],
    ["an address Entra does not register", () => ({ publicUrl: "http://[::1]:8080" })],
    ["an address with user information", () => ({ publicUrl: "https://a:b@agent.example.com" })],
    ["no resource", () => ({ resources: [] })],
    ["no key", () => ({ encryptionKeys: [] })],
    ["a short key", () => ({ encryptionKeys: ["c2hvcnQ="] })],
    ["an agent's name that cannot be shown", () => ({ agentName: "a\nb" })],
    ["a signing key of another kind", () => ({ signingKey: rsa() })],
    ["a signing key that is none", () => ({ signingKey: "secret words" })],
    ["a public key as signing key", () => ({ signingKey: pair().publicKey })],
    ["an agent without a key", () => ({ agents: { a: { publicKeys: [], scopes: [] } } })],
    ["an agent with an unreadable key", () => ({ agents: { a: { publicKeys: ["x"], scopes: [] } } })],
  ])("refuses %s", async (_what, wrong) => {
    expect(await refusal(() => createSignIn(options()))).toBe("no refusal");
    const error = await Promise.resolve()
      .then(() => createSignIn({ ...options(), ...wrong() }))
      .catch((cause: unknown) => cause);
    if (!isHostedAgentIdentityError(error)) throw error;
    expect(error.code).toBe("invalid_option");
    expect(error.message + String(error.cause)).not.toMatch(/secret words|c2hvcnQ|PRIVATE/);
  });

  const rsa = (): string =>
    generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    }).privateKey;

  it("starts the store once before it is used, and again after that failed", async () => {
    let starts = 0;
    const store = {
      ...memoryStore({ quiet: true }),
      start: async () => {
        starts += 1;
        if (starts === 1) throw new Error("down");
      },
    };
    const signIn = createSignIn({ ...options(), store });
    expect((await signIn.handler(new Request((await signIn.link(user, world.contacts)).link))).status).toBe(
      503,
    );
    await Promise.all([signIn.ready(), signIn.ready(), signIn.keepPrompt(user, "hello")]);
    expect(starts).toBe(2);
    await signIn.close();
  });
});
