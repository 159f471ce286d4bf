import { createSecretKey, type KeyObject, randomBytes } from "node:crypto";
import {
  clientSecret,
  entraApp,
  runWithUserContext,
  userAccess,
  UserContext,
  type UserAccess,
} from "hosted-agent-identity";
import { createSignIn, redisStore, type SignIn, type SignInStore } from "hosted-agent-identity/sign-in";
import { createClient } from "redis";
import { clientSecret as sourceSecret } from "../../src/exchange/client-secret.js";
import { entraApp as sourceApp, entraAppInternals as sourceInternals } from "../../src/exchange/entra-app.js";
import { principalKey } from "../../src/context/principal.js";
import { noAudit } from "../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../src/sign-in/sign-in-context.js";
import { entraIssuer } from "../../src/sign-in/grants/issuer.js";
import { grantBinding, recordSeal, type GrantRecord } from "../../src/sign-in/grants/record.js";
import { recordName } from "../../src/sign-in/grants/record-names.js";
import { derivedSecrets, keyedName, keyring } from "../../src/sealing/keyring.js";
import { init, noTransport, resource } from "../ours.js";
import { agentApp, jwt, scope, tenant } from "../people.js";

/** All that a process needs to use the grants that are stored. */
export interface Grants {
  readonly url: string;
  readonly key: Uint8Array;
  readonly count: number;
  /** What Redis took for each, its own structures included, and how long the stored text is. */
  readonly redisBytes: number;
  readonly textBytes: number;
}

export const agentName = "Contacts agent";
const keyPrefix = "hosted-agent-identity:";
export const project = "https://project.example.com";
const publicUrl = "https://agent.example.com/sign-in";
/** How long the refresh tokens of Entra are, in characters. */
const refreshTokenLength = 1200;
const batch = 1000;
const dayMs = 24 * 3_600_000;

/**
 * Puts grants into Redis as they are after a sign-in: sealed by our own code, which is taken from the source
 * because the package does not show it, and read by the built package, which has to understand them.
 */
export async function storeGrants(url: string, count: number): Promise<Grants> {
  const key = new Uint8Array(randomBytes(32));
  const client = await connected(url);
  const { seal, keyOf } = sealing(key);
  const before = await usedBytes(client);
  let textBytes = 0;
  for (let from = 0; from < count; from += batch) {
    const sets: Promise<unknown>[] = [];
    for (let number = from; number < Math.min(from + batch, count); number += 1) {
      const text = seal(number);
      textBytes += text.length;
      sets.push(client.set(keyOf(number), text, { PX: 90 * dayMs }));
    }
    await Promise.all(sets);
  }
  const redisBytes = ((await usedBytes(client)) - before) / count;
  await client.close();
  return { url, key, count, redisBytes, textBytes: textBytes / count };
}

/** A client whose errors are those of its commands: a lost connection alone would end the process. */
export async function connected(url: string) {
  return createClient({ url })
    .on("error", () => undefined)
    .connect();
}

/** The name and the binding of what is stored for a user. */
export function sealing(key: Uint8Array): {
  seal(number: number): string;
  keyOf(number: number): string;
  bindingOf(number: number): readonly string[];
} {
  const core: SignInContext = {
    app: sourceInternals(
      sourceApp({ tenantId: tenant, clientId: agentApp, credential: sourceSecret("bench-secret") }),
    ),
    publicUrl,
    resources: [resource],
    store: { shared: true } as SignInStore,
    keys: keyring([key]),
    agent: agentName,
    now: Date.now,
    random: randomBytes,
    onEvent: undefined,
    audit: noAudit,
  };
  const issuer = entraIssuer(core.app);
  const records = recordSeal(core, issuer);
  // As in a store that was begun with this key.
  const [nameKey] = derivedSecrets([key], "record-names", []).map((secret) => createSecretKey(secret));
  const bindingOf = (number: number): readonly string[] =>
    grantBinding(core, issuer, principalKey(principalOf(number)));
  return {
    bindingOf,
    seal: (number) => records.seal(principalKey(principalOf(number)), recordOf(number)),
    keyOf: (number) =>
      keyPrefix + keyedName(nameKey as KeyObject, "grant", recordName("grant", ...bindingOf(number))),
  };
}

function recordOf(number: number): GrantRecord {
  const now = Date.now();
  const account = {
    tid: tenant,
    oid: oidOf(number),
    username: `user${number}@example.com`,
    name: `User ${number}`,
  };
  return {
    generation: now,
    grant: {
      account,
      refreshToken: `1.${randomBytes(refreshTokenLength).toString("base64url")}`.slice(0, refreshTokenLength),
      resources: [resource.url],
      scopes: [scope],
      signedInAt: now,
      updatedAt: now,
      sequence: 1,
      indexedAt: now,
      signIns: 1,
    },
    tokens: [
      {
        url: resource.url,
        scopes: [scope],
        token: jwt({ oid: account.oid, tid: tenant, scp: "access_as_user" }),
        obtainedAt: now,
        refreshAt: now + 50 * 60_000,
        expiresAt: now + 60 * 60_000,
      },
    ],
  };
}

export function oidOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, "0")}`;
}

function principalOf(number: number): {
  readonly kind: "platform";
  readonly project: string;
  readonly agent: string;
  readonly id: string;
} {
  return { kind: "platform", project, agent: agentName, id: `user ${number}` };
}

/** The context of a request that brought nothing but the platform's user id. */
export function platformContext(number: number): UserContext {
  return new UserContext({
    principal: principalOf(number),
    platform: { hosted: true, userId: `user ${number}` },
    clientHeaders: {},
    trace: {},
  });
}

/** One process of the agent, as far as its memory goes: nothing of any user is in it yet. */
export interface Instance {
  readonly contacts: UserAccess;
  readonly signIn: SignIn;
  /** Names of the store's steps so far. */
  readonly steps: readonly string[];
  close(): Promise<void>;
}

/** Makes one. The clock may stand still, so that no token grows old while many are measured. */
export async function instance(
  { url, key }: Grants,
  fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>,
  now: () => number = Date.now,
): Promise<Instance> {
  const steps: string[] = [];
  const signIn = createSignIn({
    app: entraApp({ tenantId: tenant, clientId: agentApp, credential: clientSecret("bench-secret"), fetch }),
    agentName,
    publicUrl,
    resources: [resource],
    store: counted(redisStore(createClient({ url }), { keyPrefix }), steps),
    encryptionKeys: [key],
    now,
  });
  await signIn.ready();
  const contacts = userAccess(resource, [signIn.tokens()], {
    fetch: noTransport,
    cache: { maxEntries: 200_000, maxBytes: 1024 ** 3 },
    now,
  });
  return {
    contacts,
    signIn,
    steps,
    async close() {
      await contacts.close();
      await signIn.close();
    },
  };
}

/** One call as a tool of an agent makes it. */
export function callAs(contacts: UserAccess, context: UserContext): Promise<Response> {
  return runWithUserContext(context, () => contacts.fetch(resource.url, init));
}

function counted(store: SignInStore, steps: string[]): SignInStore {
  const note = <A extends readonly unknown[], T>(name: string, step: (...args: A) => T) => {
    return (...args: A): T => {
      steps.push(name);
      return step(...args);
    };
  };
  return {
    shared: store.shared,
    get: note("get", store.get),
    setIfAbsent: note("setIfAbsent", store.setIfAbsent),
    increment: note("increment", store.increment),
    compareAndSet: note("compareAndSet", store.compareAndSet),
    take: note("take", store.take),
    delete: note("delete", store.delete),
    start: async () => store.start?.(),
    close: async () => store.close?.(),
  };
}

async function usedBytes(client: { info(section: string): Promise<string> }): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1]);
}
