import type * as Postgres from "pg";
import type * as Redis from "redis";
import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { withDeadline } from "../../async/deadline.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError, packageFailure } from "../../errors.js";
import { publicUrlOf, publicUrlOption } from "../../sign-in/link/urls.js";
import { encryptionKeysOption } from "../../sealing/keyring.js";
import { postgresStoreTable } from "../../sign-in/stores/postgres-table.js";
import type { RedisClient } from "../../sign-in/stores/redis-client.js";
import { failure, type Finding } from "../finding.js";
import type { Settings } from "../read-settings.js";

interface Asked {
  readonly settings: Settings;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Pages, keys and store of sign-in, if any of them is configured. */
export async function checkSignIn(asked: Asked): Promise<readonly Finding[]> {
  const { publicUrl, signInKeys, redisUrl, signInDatabaseUrl, signInFile } = asked.settings;
  if ([publicUrl, signInKeys, redisUrl, signInDatabaseUrl, signInFile].every((one) => one === undefined))
    return [];
  return [pages(publicUrl), keys(signInKeys), await store(asked)];
}

function pages(publicUrl: string | undefined): Finding {
  const check = "sign_in_pages";
  if (publicUrl === undefined)
    return {
      check,
      status: "fail",
      detail: "PUBLIC_URL is not set.",
      fix: "Set it to the public https URL of the sign-in pages.",
    };
  try {
    return {
      check,
      status: "ok",
      detail: `Register ${publicUrlOf(publicUrlOption.read(publicUrl, "PUBLIC_URL"))}/callback as a redirect URI of type web, if it is not yet.`,
    };
  } catch (error) {
    return failure(check, error);
  }
}

function keys(given: string | undefined): Finding {
  const check = "sign_in_keys";
  const fix =
    "Create one with openssl rand -base64 32, keep it in a secret store, and set SIGN_IN_KEYS (comma separated, newest first) for every process that shares the store.";
  if (given === undefined)
    return {
      check,
      status: "fail",
      code: "invalid_option",
      detail: "There are no encryption keys: SIGN_IN_KEYS is not set, so no grant can be stored.",
      fix,
    };
  try {
    const listed = given.split(",").map((key) => key.trim());
    encryptionKeysOption.read(listed, "SIGN_IN_KEYS");
    return {
      check,
      status: "ok",
      detail: `${listed.length} ${listed.length === 1 ? "key" : "keys"} of 32 bytes; the first seals.`,
    };
  } catch (error) {
    return { ...failure(check, error), fix };
  }
}

async function store(asked: Asked): Promise<Finding> {
  const check = "sign_in_store";
  const { redisUrl, signInDatabaseUrl, signInFile } = asked.settings;
  if (redisUrl !== undefined) return redis(redisUrl, asked).catch((error: unknown) => failure(check, error));
  if (signInDatabaseUrl !== undefined)
    return postgres(signInDatabaseUrl, asked).catch((error: unknown) => failure(check, error));
  if (signInFile !== undefined) return file(signInFile, asked);
  return {
    check,
    status: "warn",
    detail:
      "None of REDIS_URL, SIGN_IN_DATABASE_URL and SIGN_IN_FILE is set: with memoryStore() everyone has to sign in again after a restart.",
    fix: "Use redisStore() or postgresStore(), or sqliteStore() if you run on a single machine.",
  };
}

async function redis(url: string, asked: Asked): Promise<Finding> {
  const check = "sign_in_store";
  const { createClient, createCluster } = await redisPackage();
  const socket = { reconnectStrategy: false as const, connectTimeout: asked.timeoutMs };
  try {
    await tryStore(createClient({ url, socket }), asked);
    return { check, status: "ok", detail: "Redis answers and evicts no keys (noeviction)." };
  } catch (error) {
    const isCluster = isHostedAgentIdentityError(error) && error.help === storeUnsuitableCauses.cluster.help;
    if (!isCluster) return failure(check, error);
  }
  try {
    const { username, password, protocol, hostname } = new URL(url);
    const secured = protocol === "rediss:" ? { tls: true, servername: hostname } : {};
    const login = { username: decodeURIComponent(username), password: decodeURIComponent(password) };
    const defaults = { ...login, socket: { ...socket, ...secured } };
    await tryStore(createCluster({ rootNodes: [{ url }], defaults }), asked);
    return {
      check,
      status: "ok",
      detail:
        "Redis is a cluster, answers and evicts no keys (noeviction): connect to it with createCluster().",
    };
  } catch (error) {
    return failure(check, error);
  }
}

async function tryStore(client: RedisClient, { timeoutMs, signal }: Asked): Promise<void> {
  const late = (): Error =>
    new HostedAgentIdentityError("store_unavailable", `Redis did not answer within ${timeoutMs / 1000} s.`);
  const { redisStore } = await import("../../sign-in/stores/redis.js");
  const opened = redisStore(client, { timeoutMs });
  try {
    await withDeadline(timeoutMs, signal, late, async () => opened.start?.());
  } finally {
    await opened.close?.().catch(() => {});
  }
}

/** Looks at the table, and does not create it. */
async function postgres(url: string, { timeoutMs, signal }: Asked): Promise<Finding> {
  const check = "sign_in_store";
  const { Pool } = await postgresPackage();
  const { checkPostgres } = await import("../../sign-in/stores/postgres-table.js");
  const { postgresCalls } = await import("../../sign-in/stores/postgres-calls.js");
  const pool = new Pool({ connectionString: url, max: 1, connectionTimeoutMillis: timeoutMs });
  const late = (): Error =>
    new HostedAgentIdentityError("store_unavailable", "PostgreSQL did not answer in time.");
  try {
    const table = postgresStoreTable;
    const found = await withDeadline(timeoutMs, signal, late, () =>
      checkPostgres(postgresCalls(pool, timeoutMs), table),
    );
    if (found === "ready")
      return { check, status: "ok", detail: `PostgreSQL answers and has the table ${table}.` };
    return {
      check,
      status: "warn",
      detail: `PostgreSQL answers and has no table ${table} yet; the first start will create it, if the user may.`,
      fix: "If it may not, run the SQL in docs/guides/sign-in.md.",
    };
  } finally {
    void pool.end().catch(() => undefined);
  }
}

/** In this form, bundlers find the optional package and do not fail without it. Before 8.15, it has no named exports. */
async function postgresPackage(): Promise<Pick<typeof Postgres, "Pool">> {
  try {
    return (await import("pg")).default;
  } catch (cause) {
    throw packageFailure("pg", "The sign-in store at SIGN_IN_DATABASE_URL", cause);
  }
}

/** In this form, bundlers find the optional package and do not fail without it. */
async function redisPackage(): Promise<typeof Redis> {
  try {
    return await import("redis");
  } catch (cause) {
    throw packageFailure("redis", "The sign-in store at REDIS_URL", cause);
  }
}

/** Checks the file without opening the store: that would make it. */
async function file(path: string, { env }: Asked): Promise<Finding> {
  const check = "sign_in_store";
  if (foundryEnvironment(env).hosted)
    return {
      check,
      status: "fail",
      code: "store_unsuitable",
      detail: "A hosted sandbox's disk belongs to one session.",
      fix: "Use a shared redisStore().",
    };
  if (process.getBuiltinModule("node:sqlite") === undefined)
    return {
      check,
      status: "fail",
      code: "store_unsuitable",
      detail: `sqliteStore() needs node:sqlite, which Node ${process.versions.node} does not have.`,
      fix: "Run the agent on Node 22.13 or newer, or use redisStore().",
    };
  const target = resolve(path);
  const exists = await stat(target).catch(() => undefined);
  const place = exists === undefined ? await nearestFolder(dirname(target)) : target;
  try {
    await access(place, constants.R_OK | constants.W_OK);
    return {
      check,
      status: "ok",
      detail:
        exists === undefined
          ? "The first start will create the file."
          : `The file has ${exists.size} bytes and is writable.`,
    };
  } catch {
    return {
      check,
      status: "fail",
      code: "store_unavailable",
      detail: `${JSON.stringify(path)} is not readable and writable.`,
      fix: "Check owner and mode of the file and its folder.",
    };
  }
}

async function nearestFolder(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined || dirname(folder) === folder ? folder : nearestFolder(dirname(folder));
}
