import type * as Redis from "redis";
import { access, constants, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { withDeadline } from "../../async/deadline.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { HostedAgentIdentityError, packageFailure } from "../../errors.js";
import { publicUrlOf, publicUrlOption } from "../../sign-in/link/urls.js";
import { encryptionKeysOption } from "../../sealing/keyring.js";
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
  const { publicUrl, signInKeys, redisUrl, signInFile } = asked.settings;
  if ([publicUrl, signInKeys, redisUrl, signInFile].every((one) => one === undefined)) return [];
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
  const { redisUrl, signInFile } = asked.settings;
  if (redisUrl !== undefined) return redis(redisUrl, asked);
  if (signInFile !== undefined) return file(signInFile, asked);
  return {
    check,
    status: "warn",
    detail:
      "Neither REDIS_URL nor SIGN_IN_FILE is set: with memoryStore() everyone has to sign in again after a restart.",
    fix: "Use redisStore(), or fileStore() if you run a single process.",
  };
}

async function redis(url: string, { timeoutMs, signal }: Asked): Promise<Finding> {
  const check = "sign_in_store";
  const late = (): Error =>
    new HostedAgentIdentityError("store_unavailable", `Redis did not answer within ${timeoutMs / 1000} s.`);
  let kept: { close?(): Promise<void> } | undefined;
  try {
    return await withDeadline(timeoutMs, signal, late, async () => {
      const { createClient } = await redisPackage();
      const { redisStore } = await import("../../sign-in/stores/redis.js");
      const client = createClient({ url, socket: { reconnectStrategy: false, connectTimeout: timeoutMs } });
      client.on("error", () => {});
      const opened = redisStore(client, { timeoutMs });
      kept = opened;
      await opened.start?.();
      return {
        check,
        status: "ok",
        detail: "Redis answers and evicts no keys (noeviction).",
      };
    });
  } catch (error) {
    return failure(check, error);
  } finally {
    await kept?.close?.().catch(() => {});
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

/** Checks the file without opening the store: the running agent holds the lock. */
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
