import { createRequire } from "node:module";
import { redisStore } from "hosted-agent-identity/sign-in";

/** Clients that a store cannot use are refused when it is made, in words that name what it can. */
const load = createRequire(import.meta.url);
const given: unknown = isThere("ioredis") ? ioredis() : redis();

function isThere(name: string): boolean {
  try {
    load.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function ioredis(): unknown {
  const { Redis } = load("ioredis");
  return new Redis({ lazyConnect: true });
}

function redis(): unknown {
  const { createClient } = load("redis");
  return createClient({ retry_strategy: () => new Error("not there") }).on("error", () => undefined);
}

try {
  Reflect.apply(redisStore, undefined, [given]);
} catch (error) {
  const { code, message } = Object(error);
  if (code === "invalid_option" && /package redis 5 or newer.*createCluster\(\).*ioredis/.test(message)) {
    console.log("refused by name");
    process.exit();
  }
  throw error;
}
throw new Error("The store took a client that it cannot use.");
