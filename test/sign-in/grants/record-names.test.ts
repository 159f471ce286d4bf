import { createHash, createHmac, randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { isHostedAgentIdentityError, type UserContext } from "hosted-agent-identity";
import { memoryStore, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { keyedStore } from "../../../src/sign-in/grants/record-names.js";
import { startedStore } from "../../../src/sign-in/stores/started-store.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { codeOf, person } from "../support/person.js";
import { replica } from "../support/replica.js";
import { scriptedStore, type ScriptedStore } from "../support/scripted-store.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

let world: SignInWorld;
let site: Site;
let time = Date.now();
const now = (): number => time;
const [k1, k2, k3] = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

beforeAll(async () => {
  world = await signInWorld({ now });
  world.entra.grantConsent({ user: "Ada", client: "agent", resource: "contacts", scopes: ["contacts.read"] });
  site = await signInSite(world, { now });
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
beforeEach(() => void (time = Math.max(time, Date.now())));

const kindOf = (name: string): string => name.split(":")[0] ?? "";
const minute = 60_000;

/** Every name that was ever written while people did all there is to do, in the order of writing. */
async function namesOf(encryptionKeys: readonly Uint8Array[]): Promise<string[]> {
  const written: string[] = [];
  const inner = memoryStore({ quiet: true, now });
  const note = <T>(key: string, step: Promise<T>): Promise<T> => {
    if (!written.includes(key)) written.push(key);
    return step;
  };
  const store: SignInStore = {
    ...inner,
    setIfAbsent: (key, ...rest) => note(key, inner.setIfAbsent(key, ...rest)),
    increment: (key, ttl) => note(key, inner.increment(key, ttl)),
    compareAndSet: (key, ...rest) => note(key, inner.compareAndSet(key, ...rest)),
  };
  // The same numbers each time: whatever differs between two runs is the keys' doing.
  let drawn = 0;
  const random = (bytes: number): Uint8Array => {
    drawn += 1;
    return new Uint8Array(createHash("sha512").update(String(drawn)).digest().subarray(0, bytes));
  };
  const signIn = site.twin({ store, encryptionKeys, random });
  site.use(signIn);
  try {
    await everything(signIn);
  } finally {
    site.use(site.signIn);
  }
  return written;
}

async function everything(signIn: SignIn): Promise<void> {
  const chat = (): UserContext => platformContext("chat", true, "conversation");
  await signIn.keepPrompt(chat(), "Who is my manager?");
  const ada = person(world.entra, "Ada");
  const shown = await ada.signIn((await signIn.link(chat(), world.contacts)).link);
  await signIn.redeem(chat(), "ABC-D2E-FGH");
  await signIn.redeem(chat(), codeOf(shown));
  await signIn.redeem(chat(), "yes");
  await ada.signIn((await signIn.link(await contextOf(world, "Ada"), world.contacts)).link);
  const until = new Date(time + 60 * minute);
  await signIn.longRunning(await contextOf(world, "Ada"), { purpose: "report", until });
}

describe("the name of a record", () => {
  it("of every kind follows from the encryption key, and from nothing that can be guessed", async () => {
    const [ours, again, theirs] = [await namesOf([k1]), await namesOf([k1]), await namesOf([k2])];
    const kinds = ["grant", "index", "long-running", "names", "pending", "pin", "prompt", "state"];
    expect([...new Set(ours.map(kindOf))].toSorted()).toEqual([...kinds, "tries", "works"]);
    // The same people, agent and numbers, and the same key: the same names. Another key: other names.
    expect(again).toEqual(ours);
    expect(theirs.map(kindOf)).toEqual(ours.map(kindOf));
    expect(theirs.filter((name) => ours.includes(name))).toEqual([]);
    for (const name of ours) expect(name).toMatch(/^[a-z-]+:[\w-]{43}$/);
  });

  it("is not what somebody computes who knows agent, client, tenant and object id", async () => {
    const ours = await namesOf([k1]);
    const { oid, tenantId } = world.entra.user("Ada");
    const facts = ["Contacts agent", world.entra.origin, world.entra.app("agent").clientId];
    const owners = [[tenantId, oid], [JSON.stringify(["entra", tenantId, oid])]];
    for (const kind of ["grant", "index", "pin", "works", "prompt"])
      for (const owner of owners) {
        const texts = [
          JSON.stringify(["hosted-agent-identity/1", kind, ...facts, ...owner]),
          `${kind}:${JSON.stringify([...facts, ...owner])}`,
        ];
        for (const text of texts) {
          const guesses = [
            createHash("sha256").update(text),
            createHmac("sha256", "").update(text),
            createHmac("sha256", Buffer.alloc(32)).update(text),
          ];
          for (const guess of guesses) expect(ours).not.toContain(`${kind}:${guess.digest("base64url")}`);
        }
      }
  });
});

describe("when keys are replaced", () => {
  const steps = [[k1], [k1, k2], [k2, k1], [k2]];

  it("every grant stays where each process finds it, and can be taken back after the old key has gone", async () => {
    const store = scriptedStore();
    const chat = platformContext("rotated").principalKey ?? "";
    const old = replica(world, store, { now, keys: [k1] });
    const { account } = await old.connect(chat, "Ada");
    for (const [n, keys] of steps.entries()) {
      const [before, after] = [steps[n - 1] ?? keys, keys].map((list) =>
        replica(world, store, { now, keys: list }),
      );
      // The token is refreshed, so that the grant is sealed with the newest key.
      time += 70 * minute;
      expect(await after?.tokenOf(chat)).toBe(account.oid);
      expect(await before?.tokenOf(chat)).toBe(account.oid);
      expect(await before?.grants.principalsOf(account)).toEqual([chat]);
    }
    const last = replica(world, store, { now, keys: [k2] });
    await last.grants.removeAccount(account);
    for (const keys of [[k2], [k1, k2]])
      expect(await replica(world, store, { now, keys }).grants.find(chat)).toBeUndefined();
  });

  it("an index that only the old key opens is written anew with the grant, before it", async () => {
    const store = scriptedStore();
    const chat = platformContext("indexed").principalKey ?? "";
    const { account } = await replica(world, store, { now, keys: [k1] }).connect(chat, "Ada");
    time += 70 * minute;
    const turned = replica(world, store, { now, keys: [k2, k1] });
    await turned.core.store.get("grant:none");
    // The process is killed between the two writes.
    let writes = 0;
    store.before((step) => {
      if (step === "compareAndSet" && (writes += 1) === 2) throw new Error("killed");
    });
    await turned.tokenOf(chat).catch(() => undefined);
    store.before(undefined);
    expect(await replica(world, store, { now, keys: [k2] }).grants.principalsOf(account)).toEqual([chat]);
  });

  it("one after the other, names stay for ever", async () => {
    const store = scriptedStore();
    const named = (keys: readonly Uint8Array[]) => keyedStore(startedStore(store), keys, now);
    await named([k1]).setIfAbsent("grant:a", "value", minute);
    for (const keys of [[k1, k2], [k2, k1], [k2], [k3, k2], [k3]])
      expect(await named(keys).get("grant:a")).toBe("value");
    expect(await named([new Uint8Array(randomBytes(32))]).get("grant:a")).toBeUndefined();
  });

  it.each([
    ["one", k1, k2],
    ["the other", k2, k1],
  ])("two keys that began apart agree on the older names, if %s is older", async (_which, older, newer) => {
    const store = scriptedStore();
    const named = (keys: readonly Uint8Array[]) => keyedStore(startedStore(store), keys, now);
    await named([older]).setIfAbsent("grant:a", "older", minute);
    time += 1_000;
    await named([newer]).setIfAbsent("grant:a", "newer", minute);
    for (const keys of [[newer, older], [older, newer], [newer]])
      expect(await named(keys).get("grant:a")).toBe("older");
  });
});

describe("a store that lost its data", () => {
  it("is begun anew with the names that a running process has, unless another has begun it", async () => {
    const store = scriptedStore();
    const named = (keys: readonly Uint8Array[]) => keyedStore(startedStore(store), keys, now);
    await named([k1]).get("grant:a");
    const running = named([k2, k1]);
    await running.get("grant:a");
    for (const again of [false, true]) {
      store.values.clear();
      // One that was started since, and knows the new key only.
      if (again) await named([k2]).setIfAbsent("grant:a", "by the other", minute);
      time += 31_000;
      await running.setIfAbsent("grant:a", "by the running", minute);
      const fresh = await named([k2]).get("grant:a");
      expect(fresh).toBe(again ? "by the other" : "by the running");
      expect(await running.get("grant:a")).toBe(fresh);
    }
  });
});

describe("the record that names all others", () => {
  const spoil = (store: ScriptedStore): void => {
    for (const name of store.values.keys()) if (name.startsWith("names:")) store.values.set(name, "damaged");
  };
  const code = async (step: Promise<unknown>): Promise<string> => {
    const error = await step.then(
      () => undefined,
      (cause: unknown) => cause,
    );
    return isHostedAgentIdentityError(error) ? error.code : String(error);
  };

  it("is never begun anew over one that cannot be read: that would hide every grant", async () => {
    const store = scriptedStore();
    const running = keyedStore(startedStore(store), [k1], now);
    await running.setIfAbsent("grant:a", "value", minute);
    spoil(store);
    const fresh = keyedStore(startedStore(store), [k1], now);
    expect(await code(fresh.get("grant:a"))).toBe("store_corrupt");
    expect(await code(fresh.start())).toBe("store_corrupt");
    // Who has it in memory puts it back.
    time += 31_000;
    expect(await running.get("grant:a")).toBe("value");
    expect(await fresh.get("grant:a")).toBe("value");
  });

  it("is put right out of the copy of another key", async () => {
    const store = scriptedStore();
    await keyedStore(startedStore(store), [k1, k2], now).setIfAbsent("grant:a", "value", minute);
    const [first = ""] = [...store.values.keys()].filter((name) => name.startsWith("names:"));
    store.values.set(first, "damaged");
    for (const keys of [[k1, k2], [k1], [k2]])
      expect(await keyedStore(startedStore(store), keys, now).get("grant:a")).toBe("value");
  });

  it("is begun once by many processes at once, and read once by many calls at once", async () => {
    const store = scriptedStore();
    let reads = 0;
    const counted: SignInStore = {
      ...store,
      get: (key) => {
        if (key.startsWith("names:")) reads += 1;
        return store.get(key);
      },
    };
    const [a, b] = [
      [k1, k2],
      [k2, k1],
    ].map((keys) => keyedStore(startedStore(counted), keys, now));
    await Promise.all([a, b].flatMap((at) => [1, 2, 3].map((n) => at?.increment(`tries:${n}`, minute))));
    for (const at of [a, b]) for (const n of [1, 2, 3]) expect(await at?.get(`tries:${n}`)).toBe("2");
    expect(reads).toBeLessThanOrEqual(8);
  });

  it("gives up on a store that never writes", async () => {
    const store: SignInStore = { ...scriptedStore(), compareAndSet: async () => false };
    expect(await code(keyedStore(startedStore(store), [k1], now).get("grant:a"))).toBe("store_unavailable");
  });
});
