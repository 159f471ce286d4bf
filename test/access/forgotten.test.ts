import { describe, expect, it } from "vitest";
import {
  ConsentRequest,
  ConsentRequiredError,
  developer,
  type HostedAgentIdentityError,
  mcpClientPool,
  protectedResource,
  runWithUserContext,
  TokenExchangeError,
  type TokenSource,
  userAccess,
  type UserAccess,
  type UserAccessOptions,
  type UserContext,
} from "hosted-agent-identity";
import { testUserContext } from "hosted-agent-identity/testing";
import { forgottenPrincipals } from "../../src/context/internals.js";
import { scriptedTokenStore } from "../support/shared-token-stores.js";

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: ["api://contacts/read"],
  audiences: ["api://contacts"],
});

type Asked = Parameters<TokenSource["acquire"]>[0];
type Answer = Awaited<ReturnType<TokenSource["acquire"]>>;

/** A source whose answers the test gives, one after the other. */
interface Scripted extends TokenSource {
  /** What it was asked so far, the latest last. */
  readonly asked: Asked[];
  /** Answers the oldest call that waits. */
  answer(with_: string | Error | Answer): Promise<void>;
}

function scripted(kind: string, more: Partial<TokenSource> = {}): Scripted {
  const asked: Asked[] = [];
  const waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  return {
    kind,
    provesUser: true,
    cacheScope: "",
    usesAssertion: true,
    cached: true,
    skip: () => undefined,
    acquire: (request) =>
      new Promise((resolve, reject) => {
        asked.push(request);
        waiting.push({ resolve, reject });
      }),
    ...more,
    asked,
    async answer(given) {
      await until(() => waiting.length > 0);
      const one = waiting.shift();
      if (given instanceof Error) one?.reject(given);
      else one?.resolve(typeof given === "string" ? tokenOf(given, kind) : given);
      await settled();
    },
  };
}

function tokenOf(token: string, source: string): Answer {
  return { status: "token", token: { token, source, expiresAt: Date.now() + 3_600_000 } };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(done: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !done(); tries += 1) await settled();
  expect(done()).toBe(true);
}

const refusedBy = (category: "stepup" | "blocked", code: number): TokenExchangeError =>
  new TokenExchangeError(
    category === "stepup" ? "step_up_required" : "token_exchange_failed",
    "no",
    { errorCodes: [code] },
    { category },
  );

const needs = (error: HostedAgentIdentityError): Answer => ({ status: "needs", error, requests: [] });

/** A person, who comes back in a new turn each time. */
function person(): () => UserContext {
  const oid = "dddddddd-0000-4000-8000-000000000004";
  const token = [{ alg: "RS256" }, { oid, tid: "t", exp: Date.now() / 1000 + 3600 }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  return () => testUserContext({ oid, token: `${token}.none` });
}

const accessOf = (sources: readonly TokenSource[], options: UserAccessOptions = {}): UserAccess =>
  userAccess(resource, sources, { random: (length) => new Uint8Array(length), ...options });

const outcome = (work: Promise<{ token: string }>): Promise<string> =>
  work.then(
    ({ token }) => token,
    (error: { code?: string }) => error.code ?? String(error),
  );

/**
 * Everything that is kept for a person, and how each is filled: the person is forgotten while it is. Each tells
 * what a turn gets that begins afterwards, where "old" would be what the one before was given.
 */
const kept: Readonly<Record<string, () => Promise<{ readonly old: unknown; readonly fresh: unknown }>>> = {
  async "a token in the cache"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    const first = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 1);
    contacts.forget(turn());
    await source.answer("old");
    const old = await first;
    const next = outcome(contacts.token(turn()));
    await source.answer("fresh");
    return { old, fresh: await next };
  },

  async "a token that others wait for"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    const first = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 1);
    contacts.forget(turn());
    const next = outcome(contacts.token(turn()));
    await source.answer("old");
    const old = await first;
    await source.answer("fresh");
    return { old, fresh: await next };
  },

  async "a token that one call was refused with"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    const first = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 1);
    contacts.forget(turn(), "old");
    await source.answer("old");
    const old = await first;
    const next = outcome(contacts.token(turn()));
    await source.answer("fresh");
    return { old, fresh: await next };
  },

  async "a token that is renewed in the background"() {
    let time = Date.now();
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source], { now: () => time })];
    const lives = { source: "exchange", expiresAt: time + 3_600_000, refreshAt: time + 60_000 };
    const first = contacts.token(turn());
    await source.answer({ status: "token", token: { token: "first", ...lives } });
    await first;
    time += 60_000;
    await contacts.token(turn());
    await until(() => source.asked.length === 2);
    contacts.forget(turn());
    await source.answer("old");
    const next = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 3);
    await source.answer("fresh");
    return { old: "old", fresh: await next };
  },

  async "a refusal that is remembered for seconds"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    const first = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 1);
    contacts.forget(turn());
    await source.answer(refusedBy("blocked", 53003));
    const old = await first;
    const next = outcome(contacts.token(turn()));
    await source.answer("fresh");
    return { old, fresh: await next };
  },

  async "a demand that the user token did not meet"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    const first = outcome(contacts.token(turn()));
    await until(() => source.asked.length === 1);
    contacts.forget(turn());
    await source.answer(needs(refusedBy("stepup", 50076)));
    const old = await first;
    const next = outcome(contacts.token(turn()));
    await source.answer("fresh");
    return { old, fresh: await next };
  },

  async "the source that stood in for another"() {
    const consent = new ConsentRequest({
      link: "https://login.example.com/",
      serverLabel: "contacts",
      reason: "consent",
    });
    const [exchange, signIn] = [scripted("exchange"), scripted("sign_in", { usesAssertion: false })];
    const [turn, contacts] = [person(), accessOf([exchange, signIn])];
    const first = outcome(contacts.token(turn()));
    await exchange.answer({
      status: "needs",
      error: new ConsentRequiredError([consent]),
      requests: [consent],
    });
    await until(() => signIn.asked.length === 1);
    contacts.forget(turn());
    await signIn.answer("old");
    const old = await first;
    // Who stood in would be asked first, and the exchange not at all.
    const next = outcome(contacts.token(turn()));
    await exchange.answer("fresh");
    return { old, fresh: await next };
  },

  async "the source that had stood in for another"() {
    const [exchange, signIn] = [scripted("exchange"), scripted("sign_in", { usesAssertion: false })];
    const [turn, contacts] = [person(), accessOf([exchange, signIn])];
    const first = outcome(contacts.token(turn()));
    await exchange.answer(needs(refusedBy("stepup", 50076)));
    await signIn.answer("old");
    const old = await first;
    contacts.forget(turn());
    const next = outcome(contacts.token(turn()));
    await exchange.answer("fresh");
    return { old, fresh: await next };
  },

  async "a token that replicas share"() {
    const store = scriptedTokenStore();
    const sharedCache = { store, encryptionKeys: [Buffer.alloc(32, 7)] };
    const [here, there] = [scripted("exchange"), scripted("exchange")];
    const turn = person();
    const [contacts, replica] = [accessOf([here], { sharedCache }), accessOf([there], { sharedCache })];
    const first = outcome(contacts.token(turn()));
    await until(() => here.asked.length === 1);
    contacts.forget(turn());
    await here.answer("old");
    const old = await first;
    await settled();
    const next = outcome(replica.token(turn()));
    await there.answer("fresh");
    return { old, fresh: await next };
  },

  async "scopes that the person had been given"() {
    const source = scripted("exchange");
    const turn = person();
    let wanted = "write";
    const contacts = accessOf([source], {
      fetch: async () =>
        new Response(null, {
          status: 403,
          headers: { "www-authenticate": `Bearer error="insufficient_scope", scope="${wanted}"` },
        }),
    });
    const growing = contacts.as(turn()).fetch(contacts.url);
    growing.catch(() => undefined);
    await source.answer("first");
    await until(() => source.asked.length === 2);
    contacts.forget(turn());
    await source.answer("old");
    await growing.catch(() => undefined);
    wanted = "delete";
    const next = contacts.as(turn()).fetch(contacts.url);
    next.catch(() => undefined);
    await source.answer("another");
    await until(() => source.asked.length === 4);
    const fresh = source.asked[3]?.scopes;
    await source.answer("yet another");
    expect(fresh).toEqual(["api://contacts/delete", "api://contacts/read"]);
    return { old: ["api://contacts/delete", "api://contacts/read", "api://contacts/write"], fresh };
  },

  async "the developer's own token"() {
    const oid = "dddddddd-0000-4000-8000-000000000004";
    const credentials: ((token: string) => void)[] = [];
    const credential = {
      getToken: () =>
        new Promise<{ token: string; expiresOnTimestamp: number }>((resolve) =>
          credentials.push((token) => resolve({ token, expiresOnTimestamp: Date.now() + 3_600_000 })),
        ),
    };
    const contacts = accessOf([
      developer(credential, { environment: { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" } }),
    ]);
    const turn = (): UserContext => testUserContext({ tid: "t", oid, token: false });
    const tokenNamed = (name: string): string =>
      `e30.${Buffer.from(JSON.stringify({ tid: "t", oid, scp: "read", name })).toString("base64url")}.s`;
    const first = outcome(contacts.token(turn()));
    await until(() => credentials.length === 1);
    contacts.forget(turn());
    credentials[0]?.(tokenNamed("old"));
    const old = await first;
    const next = outcome(contacts.token(turn()));
    await until(() => credentials.length === 2);
    credentials[1]?.(tokenNamed("fresh"));
    return { old, fresh: await next };
  },

  async "a pooled client, with its session and response cache"() {
    const source = scripted("exchange");
    const [turn, contacts] = [person(), accessOf([source])];
    let opened = 0;
    const pool = mcpClientPool({
      open: async () => {
        await contacts.token();
        return `client ${(opened += 1)}`;
      },
      close: async () => undefined,
    });
    const use = (): Promise<string> => runWithUserContext(turn(), () => pool.use((client) => client));
    const first = use();
    await until(() => source.asked.length === 1);
    contacts.forget(turn());
    await source.answer("old");
    const old = await first;
    const next = use();
    await source.answer("fresh");
    const fresh = await next;
    // And who is not forgotten keeps the client.
    expect(await use()).toBe(fresh);
    // So does a turn in which the person was forgotten: it opens one more, not one for each call.
    await runWithUserContext(turn(), async () => {
      expect(await pool.use((client) => client)).toBe(fresh);
      contacts.forget();
      const calls = Promise.all([1, 2].map(() => pool.use((client) => client)));
      await source.answer("again");
      expect(await calls).toEqual(["client 3", "client 3"]);
      expect(await pool.use((client) => client)).toBe("client 3");
    });
    await pool.close();
    return { old, fresh };
  },
};

describe("a person who is forgotten while it is being filled leaves nothing in", () => {
  it.each(Object.entries(kept))("%s", async (_name, fill) => {
    const { old, fresh } = await fill();
    expect(fresh).not.toEqual(old);
    expect(fresh).not.toBe("old");
  });
});

describe("the memory of who was forgotten", () => {
  it("tells what was begun before from what was begun since, for each principal", () => {
    const forgotten = forgottenPrincipals();
    const [ada, bob] = [forgotten.begin("Ada"), forgotten.begin("Bob")];
    forgotten.add("Ada");
    expect([ada(), bob(), forgotten.begin("Ada")()]).toEqual([false, true, true]);
  });

  it("keeps nothing rather than too much when it is full", () => {
    const forgotten = forgottenPrincipals(2);
    const early = forgotten.begin("Zoe");
    for (const name of ["Ada", "Bob", "Cleo"]) forgotten.add(name);
    const late = forgotten.begin("Ada");
    expect([early(), late()]).toEqual([false, true]);
  });
});
