import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSignIn, memoryStore, redisStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { redisOperator } from "../../support/redis-operator.js";
import { startRedis, type RedisServer } from "../../support/redis-server.js";
import { masterKey } from "../support/replica.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";
import { operatorCases } from "./operator-cases.js";

describe("over memoryStore()", () => {
  operatorCases(async () => memoryStore({ quiet: true }));
});

describe("over redisStore()", () => {
  let redis: RedisServer;
  let opened = 0;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());
  operatorCases(async () => {
    opened += 1;
    return redisStore(await redisOperator(redis.url), { keyPrefix: `operator-${opened}:` });
  });
});

describe("bad input", () => {
  let world: SignInWorld;
  beforeAll(async () => {
    world = await signInWorld();
  });
  afterAll(() => world.entra.close());
  const adminOf = (store: SignInStore = memoryStore({ quiet: true })) =>
    createSignIn({
      app: world.app(),
      publicUrl: "https://agent.example.com",
      resources: [world.contacts],
      store,
      encryptionKeys: [masterKey],
    }).admin;

  it("is refused with the name of the option", async () => {
    const admin = adminOf();
    const actor = "olga";
    const refused: readonly (readonly [string, Promise<unknown>])[] = [
      ["actor", admin.list({ actor: "" })],
      ["limit", admin.list({ actor, limit: 1_001 })],
      ["cursor", admin.list({ actor, cursor: "another" })],
      ["resource", admin.list({ actor, resource: "contacts" })],
      ["olderThanMs", admin.list({ actor, olderThanMs: -1 })],
      ["person", admin.export({ actor, person: { tid: "common", oid: "ada" } })],
      ["person", admin.erase({ actor, person: {} as never })],
      ["project and agent", admin.erase({ actor, person: { platformUserId: "ada" } })],
      ["grant", admin.revoke({ actor, grant: "x" })],
    ];
    for (const [name, call] of refused)
      await expect(call).rejects.toThrow(
        expect.objectContaining({ code: "invalid_option", message: expect.stringContaining(name) }),
      );
  });

  it("a store without scan() lists a person, and says what it lacks for everybody", async () => {
    const { scan: _, ...without } = memoryStore({ quiet: true });
    const admin = adminOf(without);
    await expect(admin.list({ actor: "olga" })).rejects.toThrow(
      expect.objectContaining({ code: "store_without_scan", category: "config" }),
    );
    const { tenantId: tid, oid } = world.entra.user("Ada");
    expect(await admin.list({ actor: "olga", person: { tid, oid } })).toEqual({
      grants: [],
      next: undefined,
      unreadable: 0,
      foreign: 0,
    });
  });
});
