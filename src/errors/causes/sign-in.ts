import type { Causes } from "../facts.js";

export const userNotIdentifiedCauses: Causes<"resource" | "noProject"> = {
  resource: {
    help: "Send a user token for this agent's app (api://<client id>/<scope>): a sign-in or an exchange needs one.",
  },
  noProject: {
    help: "Let the agent send the user token, or give its entry in signInApi() the platformProject in which each id stands for one person.",
  },
};

export const storeUnavailableCauses: Causes<
  "full" | "lockLost" | "OOM" | "MISCONF" | "READONLY" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "WRONGTYPE"
> = {
  full: {
    help: "Raise maxEntries or maxBytes of the store, or use redisStore().",
  },
  lockLost: {
    help: "Only one process may use the file; start this one again when the other has ended.",
  },
  OOM: {
    help: "Redis is full: raise maxmemory, and keep maxmemory-policy noeviction.",
  },
  MISCONF: { help: "Redis cannot write to its disk: look into its log." },
  READONLY: { help: "This is a replica: connect to the primary." },
  NOAUTH: {
    help: "Give the client the user name and password of this Redis.",
    category: "config",
  },
  WRONGPASS: {
    help: "Give the client the user name and password of this Redis.",
    category: "config",
  },
  NOPERM: {
    help: "Allow this user GET, SET, DEL, INCR, PTTL, PEXPIRE, EVAL and INFO on our keys.",
    category: "config",
  },
  WRONGTYPE: {
    help: "Something else uses these keys: choose another keyPrefix.",
    category: "config",
  },
};

export const storeUnsuitableCauses: Causes<"policyUnknown" | "evicts" | "sandbox" | "inUse"> = {
  policyUnknown: {
    help: 'Look it up, and give redisStore() { maxmemoryPolicy: "noeviction" } if it is that.',
  },
  evicts: {
    help: "Set maxmemory-policy to noeviction (redis.conf, CONFIG SET, or your provider's settings).",
  },
  sandbox: {
    help: "Use redisStore(), which all sessions share, or remoteSignIn().",
  },
  inUse: {
    help: "fileStore() is for one process, and one store in it. Use redisStore() for more than one.",
  },
};

export const storeCorruptCauses: Causes<"names"> = {
  names: {
    help: "Restore the store from a backup, or empty it: then everybody is asked to sign in again.",
  },
};
