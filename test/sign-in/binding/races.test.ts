import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { isConsentRequiredError, type Principal, userAccess, type UserContext } from "hosted-agent-identity";
import { memoryStore, type Redeemed, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { contextOf, platformContext } from "../support/contexts.js";
import { authorizeUrlOf, callbackUrlOf, codeOf, person, titleOf } from "../support/person.js";
import { signInAs } from "../../testing/visitor.js";
import { signInSite, type Site } from "../support/site.js";
import { signInWorld, type SignInWorld } from "../support/signing-in.js";

/** What happens just before a step of the store, once it has been armed. Steps: `setIfAbsent ticket`, … */
type Hook = (step: string) => void | Promise<void>;

let world: SignInWorld;
let site: Site;
let twin: SignIn;
let hook: Hook | undefined;
let time = Date.now();
const now = (): number => time;

/** A store that keeps its lifetimes, and lets a test do something between two of its steps. */
function hookedStore(): SignInStore {
  const store = memoryStore({ quiet: true, now });
  const step = async <T>(name: string, key: string, work: () => Promise<T>): Promise<T> => {
    await hook?.(`${name} ${key.split(":")[0]}`);
    return work();
  };
  return {
    shared: true,
    get: (key) => step("get", key, () => store.get(key)),
    setIfAbsent: (key, ...rest) => step("setIfAbsent", key, () => store.setIfAbsent(key, ...rest)),
    increment: (key, ttl) => step("increment", key, () => store.increment(key, ttl)),
    compareAndSet: (key, ...rest) => step("compareAndSet", key, () => store.compareAndSet(key, ...rest)),
    take: (key) => step("take", key, () => store.take(key)),
    delete: (key) => step("delete", key, () => store.delete(key)),
  };
}

/** Runs the work once, before the first such step; other steps of that work go through. */
function once(step: string, work: () => Promise<unknown>): void {
  let done = false;
  hook = async (name) => {
    if (name !== step || done) return;
    done = true;
    await work();
  };
}

beforeAll(async () => {
  world = await signInWorld({ now });
  site = await signInSite(world, { now, store: hookedStore() });
  twin = site.twin();
});
afterAll(async () => {
  await site?.close();
  await world?.entra.close();
});
let user = "";
beforeEach(() => {
  hook = undefined;
  user = `user-${Math.random()}`;
});

const chat = (): UserContext => platformContext(user);
const principal = (): Principal => chat().principal as Principal;
const say = (text: string): Promise<Redeemed> => site.signIn.redeem(chat(), text);
const linkFor = async (): Promise<string> => (await site.signIn.link(chat(), world.contacts)).link;
const oid = (name: string): string => world.entra.user(name).oid;
const pageAfter = (name: string, link: string) => person(world.entra, name).signIn(link);

async function tokenOf(context = chat()): Promise<string | undefined> {
  const contacts = userAccess(world.contacts, [site.signIn.tokens()], { now });
  const got = await contacts.token(context).catch((cause: unknown) => cause);
  if (isConsentRequiredError(got)) return "has to sign in";
  if (got instanceof Error) throw got;
  return decodeClaims((got as { token: string }).token)?.oid;
}

async function connect(name: string): Promise<Redeemed> {
  const confirm = await say(codeOf(await pageAfter(name, await linkFor())));
  return confirm.status === "confirm" ? say("yes") : confirm;
}

describe("a sign-out", () => {
  it.each(["compareAndSet pending", "setIfAbsent pin", "compareAndSet index", "compareAndSet grant"])(
    "that another process does while the yes is being carried out, before %s, holds",
    async (step) => {
      await say(codeOf(await pageAfter("Ada", await linkFor())));
      once(step, () => twin.unpin(principal()));
      expect(await say("yes")).toMatchObject({ status: "refused", reason: "expired" });
      expect(await tokenOf()).toBe("has to sign in");
      // Unpinned means that another account may come.
      time += 2;
      expect(await connect("Bob")).toMatchObject({ status: "bound", account: { oid: oid("Bob") } });
      expect(await tokenOf()).toBe(oid("Bob"));
    },
  );

  it("that comes while the page's code is being made ends that code", async () => {
    const link = await linkFor();
    once("setIfAbsent pending", () => twin.signOut(principal()));
    const code = codeOf(await pageAfter("Ada", link));
    expect((await say(code)).status).toBe("refused");
    expect(await tokenOf()).toBe("has to sign in");
  });

  it("that comes after the yes has been carried out ends the grant, and the chat keeps to its account", async () => {
    await connect("Ada");
    once("compareAndSet grant", async () => undefined);
    await twin.signOut(principal());
    expect(await tokenOf()).toBe("has to sign in");
    expect(titleOf(await pageAfter("Bob", await linkFor()))).toBe("Another account is connected");
  });
});

describe("of two answers at once, in two processes,", () => {
  const both = async (...[here, there]: [string, string]): Promise<Redeemed[]> => {
    await site.signIn.keepPrompt(chat(), "Who is my manager?");
    await say(codeOf(await pageAfter("Ada", await linkFor())));
    return Promise.all([say(here), twin.redeem(chat(), there)]);
  };

  it("two yes connect the account, and the interrupted message is given to one of them", async () => {
    const said = await both("yes", "yes");
    expect(said.map(({ status }) => status)).toEqual(["bound", "bound"]);
    const prompts = said.map((one) => (one.status === "bound" ? one.prompt : undefined));
    expect(prompts.filter((prompt) => prompt !== undefined)).toEqual(["Who is my manager?"]);
    expect(await tokenOf()).toBe(oid("Ada"));
  });

  it("a yes and a no count as the one that came first, and the other one is told", async () => {
    const said = await both("no", "yes");
    const reasons = said.map((one) => (one.status === "refused" ? one.reason : one.status)).sort();
    // Whoever comes after the question has ended finds none.
    expect(["declined declined", "declined expired", "answered_before bound"]).toContain(reasons.join(" "));
    expect(await tokenOf()).toBe(reasons.includes("bound") ? oid("Ada") : "has to sign in");
  });
});

describe("a link", () => {
  it("is used up by a binding only, not by one that the store cut off", async () => {
    const link = (await site.signIn.link(await contextOf(world, "Ada"), world.contacts)).link;
    let down = false;
    hook = (step) => {
      // Down in the middle of the binding: what it began cannot be taken back either.
      if (down) throw new Error("down");
      down = step === "compareAndSet index";
    };
    expect(titleOf(await pageAfter("Ada", link))).toBe("That did not work just now");
    hook = undefined;
    expect(await site.signIn.status(link)).toBe("waiting");
    expect(await tokenOf(await contextOf(world, "Ada"))).toBe("has to sign in");
    // Nothing of it is in the way.
    expect(titleOf(await pageAfter("Ada", link))).toBe("You are signed in");
  });

  it("that was used stays used up after a sign-out", async () => {
    const link = await linkFor();
    await say(codeOf(await pageAfter("Ada", link)));
    expect((await say("yes")).status).toBe("bound");
    await twin.signOut(principal());
    expect(await site.signIn.status(link)).toBe("done");
    expect(titleOf(await person(world.entra, "Ada").open(link))).toBe("You are already signed in");
  });

  it("that was used while another tab stood at Entra brings no second code", async () => {
    const link = await linkFor();
    const late = person(world.entra, "Ada");
    const callback = await callbackUrlOf(world.entra, late, link, "Ada");
    await say(codeOf(await pageAfter("Ada", link)));
    expect((await say("yes")).status).toBe("bound");
    expect(titleOf(await late.open(callback))).toBe("You are already signed in");
  });

  it("that two tabs complete at once is bound once", async () => {
    const ada = person(world.entra, "Ada");
    const link = (await site.signIn.link(await contextOf(world, "Ada"), world.contacts)).link;
    const callbacks = [
      await callbackUrlOf(world.entra, ada, link, "Ada"),
      await callbackUrlOf(world.entra, ada, link, "Ada"),
    ];
    const before = site.events.filter(({ type }) => type === "grant_stored").length;
    const pages = await Promise.all(callbacks.map((url) => ada.open(url)));
    const titles = pages.map(titleOf).sort();
    expect(titles.filter((title) => title === "You are signed in")).toHaveLength(1);
    expect(titles.find((title) => title !== "You are signed in")).toBe("You are already signed in");
    expect(site.events.filter(({ type }) => type === "grant_stored").length - before).toBe(1);
  });

  it("has five tries for as long as it can bring new codes", async () => {
    const link = await linkFor();
    const code = codeOf(await pageAfter("Ada", link));
    const late = person(world.entra, "Ada");
    const wrong = code.startsWith("2") ? `3${code.slice(1)}` : `2${code.slice(1)}`;
    for (let n = 0; n < 5; n += 1) expect((await say(wrong)).status).toBe("wrong_code");
    // Left for Entra while the link lived, and comes back a quarter of an hour later.
    time += 14 * 60_000;
    const authorize = await authorizeUrlOf(late, link);
    time += 14 * 60_000;
    const answer = await signInAs(world.entra.origin, authorize.href, oid("Ada"));
    const another = codeOf(await late.open(`${site.publicUrl}/callback?${answer}`));
    expect(another).not.toBe("");
    expect(await say(another)).toMatchObject({ status: "refused", reason: "too_many_tries" });
  });
});

describe("to forget an account", () => {
  const tid = (): string => world.entra.tenants[0]?.id ?? "";

  it("takes the pin of a chat that has signed out already", async () => {
    await connect("Ada");
    await site.signIn.signOut(principal());
    await site.signIn.forgetAccount({ tid: tid(), oid: oid("Ada") });
    expect(await connect("Bob")).toMatchObject({ status: "bound", account: { oid: oid("Bob") } });
  });

  it("leaves the pin of a chat that has another account since", async () => {
    await connect("Ada");
    await site.signIn.unpin(principal());
    await connect("Bob");
    await site.signIn.forgetAccount({ tid: tid(), oid: oid("Ada") });
    expect(await tokenOf()).toBe(oid("Bob"));
    expect(titleOf(await pageAfter("Ada", await linkFor()))).toBe("Another account is connected");
  });

  it("can be done again when the store fails half-way", async () => {
    await connect("Ada");
    for (const step of ["get pin", "delete pin", "compareAndSet grant", "compareAndSet index"]) {
      hook = (name) => {
        if (name === step) throw new Error("down");
      };
      await site.signIn.forgetAccount({ tid: tid(), oid: oid("Ada") }).catch(() => undefined);
      hook = undefined;
    }
    await site.signIn.forgetAccount({ tid: tid(), oid: oid("Ada") });
    expect(await tokenOf()).toBe("has to sign in");
    expect((await connect("Bob")).status).toBe("bound");
  });
});

it("a listener that fails later breaks neither a sign-in nor the process", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const fails = async (): Promise<void> => {
    throw new Error("a listener's trouble");
  };
  const signIn = site.twin({ onPending: fails, onSignedIn: fails, onEvent: fails });
  site.use(signIn);
  try {
    const { link } = await signIn.link(chat(), world.contacts);
    const code = codeOf(await pageAfter("Ada", link));
    expect((await signIn.redeem(chat(), code)).status).toBe("confirm");
    expect((await signIn.redeem(chat(), "yes")).status).toBe("bound");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(unhandled).not.toHaveBeenCalled();
  } finally {
    site.use(site.signIn);
    process.off("unhandledRejection", unhandled);
  }
});
