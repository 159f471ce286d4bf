import type { Causes } from "../facts.js";

export const userNotIdentifiedCauses: Causes<"resource" | "noProject"> = {
  resource: {
    help: "Send a user token for this agent's app (api://<client id>/<scope>): a sign-in or an exchange needs one.",
  },
  noProject: {
    help: "Have the agent send the user token, or set platformProject in its entry in signInApi() to the project in which each id stands for one person.",
  },
};

export const storeUnavailableCauses: Causes<
  "full" | "lockLost" | "OOM" | "MISCONF" | "READONLY" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "WRONGTYPE"
> = {
  full: {
    help: "Raise maxEntries or maxBytes of the store, or use redisStore().",
  },
  lockLost: {
    help: "Only one process may use the file; restart this one after the other has ended.",
  },
  OOM: {
    help: "Redis is full: raise maxmemory, and keep maxmemory-policy noeviction.",
  },
  MISCONF: { help: "Redis cannot write to its disk: check its log." },
  READONLY: { help: "This is a replica: connect to the primary." },
  NOAUTH: {
    help: "Give the client the user name and password for this Redis.",
    category: "config",
  },
  WRONGPASS: {
    help: "Give the client the user name and password for this Redis.",
    category: "config",
  },
  NOPERM: {
    help: "Allow this user GET, SET, DEL, INCR, PTTL, PEXPIRE, EVAL and INFO on our keys.",
    category: "config",
  },
  WRONGTYPE: {
    help: "Something else uses these keys: set another keyPrefix.",
    category: "config",
  },
};

export const storeUnsuitableCauses: Causes<"policyUnknown" | "evicts" | "sandbox" | "inUse"> = {
  policyUnknown: {
    help: 'Look it up. If it is noeviction, pass { maxmemoryPolicy: "noeviction" } to redisStore().',
  },
  evicts: {
    help: "Set maxmemory-policy to noeviction (redis.conf, CONFIG SET, or your provider's settings).",
  },
  sandbox: {
    help: "Use redisStore(), which all sessions can share, or remoteSignIn().",
  },
  inUse: {
    help: "fileStore() supports one store in one process. Use redisStore() for more.",
  },
};

export const storeCorruptCauses: Causes<"names"> = {
  names: {
    help: "Restore the store from a backup, or empty it: everyone then has to sign in again.",
  },
};
