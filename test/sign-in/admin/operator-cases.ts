import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { Principal } from "hosted-agent-identity";
import {
  createSignIn,
  type AdminGrant,
  type AdminPerson,
  type AuditRecord,
  type SignIn,
  type SignInOptions,
  type SignInStore,
} from "hosted-agent-identity/sign-in";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person } from "../support/person.js";
import { replica, masterKey, platformUser, type Replica } from "../support/replica.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

const hour = 3_600_000;

/** What an operator can do, over one kind of store. */
export function operatorCases(open: () => Promise<SignInStore>): void {
  let world: SignInWorld;
  let store: SignInStore;
  let seed: Replica;
  let records: AuditRecord[];
  let time = Date.now();
  const now = (): number => time;

  beforeAll(async () => {
    world = await signInWorld({ now });
    for (const user of ["Ada", "Bob"])
      world.entra.grantConsent({
        user,
        client: "agent",
        resource: "contacts",
        scopes: ["contacts.read"],
      });
  });
  afterAll(() => world.entra.close());
  beforeEach(async () => {
    time = Math.max(time, Date.now());
    store = await open();
    seed = replica(world, store, { now });
    records = [];
  });
  afterEach(() => store.close?.());

  const service = (more: Partial<SignInOptions> = {}): SignIn =>
    createSignIn({
      app: world.app({ now }),
      publicUrl: "https://agent.example.com",
      resources: [world.contacts, world.mail],
      store,
      encryptionKeys: [masterKey],
      agentName: "agent",
      audit: { write: async (record) => void records.push(record) },
      now,
      ...more,
    });
  const account = (name: string): { tid: string; oid: string } => {
    const { tenantId: tid, oid } = world.entra.user(name);
    return { tid, oid };
  };
  const entraKey = (name: string): string => JSON.stringify(["entra", account(name).tid, account(name).oid]);
  const chat = (id: string): AdminPerson => ({
    platformUserId: id,
    project: "https://project.example.com",
    agent: "agent",
  });
  const all = async (
    signIn: SignIn,
    asked: Partial<Parameters<SignIn["admin"]["list"]>[0]> = {},
  ): Promise<{ grants: AdminGrant[]; unreadable: number; foreign: number }> => {
    const grants: AdminGrant[] = [];
    let [unreadable, foreign] = [0, 0];
    let cursor: string | undefined;
    do {
      const page = await signIn.admin.list({
        actor: "olga",
        ...asked,
        ...(cursor === undefined ? {} : { cursor }),
      });
      expect(page.grants.length).toBeLessThanOrEqual(asked.limit ?? 100);
      grants.push(...page.grants);
      unreadable += page.unreadable;
      foreign += page.foreign;
      cursor = page.next;
    } while (cursor !== undefined);
    return { grants, unreadable, foreign };
  };
  const owners = (grants: readonly AdminGrant[]): string[] =>
    grants.map(({ principal }) => JSON.stringify(Object.values(principal as Principal))).sort();

  it("lists the grants page by page, by person, by resource and by age", async () => {
    for (const id of ["1", "2", "3"]) await seed.connect(platformUser(id), "Ada");
    await seed.connect(entraKey("Bob"), "Bob", [world.mail]);
    const signIn = service();
    const adas = ["1", "2", "3"].map(platformUser);

    expect(owners((await all(signIn, { limit: 1 })).grants)).toEqual([...adas, entraKey("Bob")].sort());
    expect(owners((await all(signIn, { person: account("Ada"), limit: 2 })).grants)).toEqual(adas);
    expect(owners((await all(signIn, { person: chat("2") })).grants)).toEqual([platformUser("2")]);
    expect(owners((await all(signIn, { resource: world.mail.url })).grants)).toEqual([entraKey("Bob")]);

    time += 2 * hour;
    await seed.connect(platformUser("2"), "Ada");
    expect((await all(signIn, { olderThanMs: hour })).grants).toHaveLength(3);
    expect((await all(signIn, { olderThanMs: 3 * hour })).grants).toHaveLength(0);

    const [first] = (await all(signIn, { person: chat("1") })).grants;
    expect(first).toMatchObject({
      agent: "agent",
      account: account("Ada"),
      resources: [world.contacts.url],
      signedInAt: time - 2 * hour,
    });
  });

  it("counts what does not open, and what belongs to others", async () => {
    await seed.connect(platformUser("1"), "Ada");
    await replica(world, store, { now, agent: "another agent" }).connect(platformUser("2"), "Ada");
    const { records: stored } = (await store.scan?.("grant:", undefined, 100)) ?? { records: [] };
    await store.setIfAbsent("grant:changed", `${stored[0]?.[1].slice(0, 60)}xx`, hour);

    const { grants, unreadable, foreign } = await all(service());
    expect(owners(grants)).toEqual([platformUser("1")]);
    expect({ unreadable, foreign }).toEqual({ unreadable: 1, foreign: 1 });
  });

  it("revokes one grant of a page, and leaves the chat's pin", async () => {
    await seed.connect(platformUser("1"), "Ada");
    await seed.connect(platformUser("2"), "Ada");
    const signIn = service();
    const [first] = (await all(signIn, { person: chat("1") })).grants;

    const receipt = await signIn.admin.revoke({ actor: "olga", grant: first?.grant ?? "" });
    expect(receipt).toMatchObject({ v: 1, actor: "olga", action: "revoke", grants: 1 });
    expect(owners((await all(signIn)).grants)).toEqual([platformUser("2")]);
    expect(await seed.tokenOf(platformUser("1"))).toBeUndefined();
    const changed = (first?.grant ?? "").replace(/^./, (letter) => (letter === "A" ? "B" : "A"));
    await expect(signIn.admin.revoke({ actor: "olga", grant: changed })).rejects.toThrow("grant");
    expect((await signIn.admin.revoke({ actor: "olga", grant: first?.grant ?? "" })).grants).toBe(0);
  });

  it("ends everything of someone who leaves, at all agents, and nothing of anybody else", async () => {
    const site: Site = await signInSite(world, { store, now });
    try {
      const other = site.signIn;
      const connect = async (id: string, user: string): Promise<void> => {
        const { link } = await other.link(platformContext(id), world.contacts);
        const code = codeOf(await person(world.entra, user).signIn(link, user));
        await other.redeem(platformContext(id), code);
        expect((await other.redeem(platformContext(id), "yes")).status).toBe("bound");
      };
      await connect("ada", "Ada");
      await connect("bob", "Bob");
      await other.longRunning(platformContext("ada"), { purpose: "report", until: new Date(time + hour) });
      await other.longRunning(await contextOf(world, "Ada"), {
        purpose: "own",
        until: new Date(time + hour),
      });
      await other.keepPrompt(platformContext("ada"), "what I typed");
      // A chat that was never connected, and waits for its code.
      const { link } = await other.link(platformContext("waits"), world.contacts);
      const waits = codeOf(await person(world.entra, "Ada").signIn(link, "Ada"));

      await other.keepPrompt(platformContext("waits"), "of nobody known");

      const ada = account("Ada");
      const exported = await other.admin.export({ actor: "olga", person: ada });
      expect(exported.grants).toHaveLength(2);
      expect(exported.pins).toMatchObject([{ account: ada }]);
      expect(exported.works.map(({ purpose }) => purpose).sort()).toEqual(["own", "report"]);
      expect(exported.waiting).toHaveLength(1);
      const kept = { agent: "Contacts agent", message: "what I typed", title: "what I typed", earlier: [] };
      expect(exported.messages).toEqual([kept]);
      // Whose chat it is that waits for a code of this account, nobody knows yet.
      const { messages } = await other.admin.export({ actor: "olga", person: chat("waits") });
      expect(messages).toMatchObject([{ message: "of nobody known" }]);
      expect(JSON.stringify([exported, messages])).not.toContain(waits);

      const receipt = await other.admin.erase({
        actor: "olga",
        person: { tid: ada.tid.toUpperCase(), oid: ada.oid },
      });
      expect(receipt).toMatchObject({ action: "erase", grants: 1, works: 2, codes: 1, pins: 1 });
      expect(await other.admin.export({ actor: "olga", person: ada })).toMatchObject({
        grants: [],
        pins: [],
        works: [],
        waiting: [],
        messages: [],
      });
      expect((await other.admin.export({ actor: "olga", person: chat("ada") })).messages).toEqual([]);
      expect((await other.redeem(platformContext("waits"), waits)).status).not.toBe("confirm");
      // Another account may be connected now, and Bob's chat goes on.
      await connect("ada", "Bob");
      expect(await other.admin.export({ actor: "olga", person: account("Bob") })).toMatchObject({
        grants: [{}, {}],
      });
    } finally {
      await site.close();
    }
  });

  it("lists and ends nothing that a chat has of another account now", async () => {
    await seed.connect(platformUser("1"), "Ada");
    await seed.grants.remove(platformUser("1"));
    await seed.connect(platformUser("1"), "Bob");
    const { admin } = service();
    const asked = { actor: "olga", person: account("Ada") };
    expect((await admin.list(asked)).grants).toEqual([]);
    expect((await admin.export(asked)).grants).toEqual([]);
    expect((await admin.erase(asked)).grants).toBe(0);
    expect(await seed.tokenOf(platformUser("1"))).toBe(account("Bob").oid);
  });

  it("makes a person sign in again with the same account, and ends one platform user alone", async () => {
    const signIn = service();
    for (const id of ["1", "2"]) await seed.connect(platformUser(id), "Ada");
    expect((await signIn.admin.requireSignIn({ actor: "olga", person: chat("1") })).grants).toBe(1);
    expect(await seed.tokenOf(platformUser("1"))).toBeUndefined();
    expect(await seed.tokenOf(platformUser("2"))).toBe(account("Ada").oid);

    expect(await signIn.admin.requireSignIn({ actor: "olga", person: account("Ada") })).toMatchObject({
      action: "require_sign_in",
      grants: 1,
      pins: 0,
    });
    expect((await all(signIn)).grants).toEqual([]);
    await seed.connect(platformUser("1"), "Ada");
    expect((await signIn.admin.erase({ actor: "olga", person: chat("1") })).grants).toBe(1);
  });

  it("records who called, with what came of it, and returns no token, code, key or link", async () => {
    const signedIn = await seed.connect(platformUser("1"), "Ada");
    await seed.tokenOf(platformUser("1"));
    const work = await service().longRunning(await contextOf(world, "Ada"), {
      purpose: "report",
      until: new Date(time + hour),
    });
    const signIn = service();
    const said = JSON.stringify([
      await all(signIn),
      await signIn.admin.export({ actor: "olga", person: account("Ada") }),
      await signIn.admin.erase({ actor: "olga", person: account("Ada") }),
    ]);
    await signIn.close();
    const secrets = [
      signedIn.refreshToken,
      signedIn.token,
      work,
      Buffer.from(masterKey).toString("base64"),
      "https://agent.example.com/start",
    ];
    for (const secret of secrets) expect(said + JSON.stringify(records)).not.toContain(secret);
    const calls = records.filter(({ action, stage }) => action.startsWith("admin_") && stage === "outcome");
    expect(calls).toMatchObject([
      { action: "admin_list", actor: "olga", outcome: "done", grants: 2 },
      { action: "admin_export", actor: "olga", outcome: "done", grants: 2, account: account("Ada") },
      { action: "admin_erase", actor: "olga", outcome: "done", grants: 1, account: account("Ada") },
    ]);
  });
}
