import type { Causes } from "../facts.js";

export const userNotIdentifiedCauses: Causes<"resource" | "noProject"> = {
  resource: {
    when: "the user token is for a resource: it is good for passthrough to that resource only",
    help: "Send a user token for this agent's app (api://<client id>/<scope>): a sign-in or an exchange needs one.",
  },
  noProject: {
    when: "an agent names a platform user id at a sign-in service whose entry has no platformProject",
    help: "Let the agent send the user token, or give its entry in signInApi() the platformProject in which each id stands for one person.",
  },
};

export const storeUnavailableCauses: Causes<
  "full" | "lockLost" | "OOM" | "MISCONF" | "READONLY" | "NOAUTH" | "WRONGPASS" | "NOPERM" | "WRONGTYPE"
> = {
  full: {
    when: "the store of this process is full",
    help: "Raise maxEntries or maxBytes of the store, or use redisStore().",
  },
  lockLost: {
    when: "the lock of fileStore() belongs to another process now",
    help: "Only one process may use the file; start this one again when the other has ended.",
  },
  OOM: {
    when: "Redis answers OOM",
    help: "Redis is full: raise maxmemory, and keep maxmemory-policy noeviction.",
  },
  MISCONF: { when: "Redis answers MISCONF", help: "Redis cannot write to its disk: look into its log." },
  READONLY: { when: "Redis answers READONLY", help: "This is a replica: connect to the primary." },
  NOAUTH: {
    when: "Redis answers NOAUTH",
    help: "Give the client the user name and password of this Redis.",
    category: "config",
  },
  WRONGPASS: {
    when: "Redis answers WRONGPASS",
    help: "Give the client the user name and password of this Redis.",
    category: "config",
  },
  NOPERM: {
    when: "Redis answers NOPERM",
    help: "Allow this user GET, SET, DEL, INCR, PTTL, PEXPIRE, EVAL and INFO on our keys.",
    category: "config",
  },
  WRONGTYPE: {
    when: "Redis answers WRONGTYPE",
    help: "Something else uses these keys: choose another keyPrefix.",
    category: "config",
  },
};

export const storeUnsuitableCauses: Causes<"policyUnknown" | "evicts" | "sandbox" | "inUse"> = {
  policyUnknown: {
    when: "Redis does not tell its maxmemory-policy",
    help: 'Look it up, and give redisStore() { maxmemoryPolicy: "noeviction" } if it is that.',
  },
  evicts: {
    when: "Redis evicts",
    help: "Set maxmemory-policy to noeviction (redis.conf, CONFIG SET, or your provider's settings).",
  },
  sandbox: {
    when: "fileStore() is used in a hosted sandbox",
    help: "Use redisStore(), which all sessions share, or remoteSignIn().",
  },
  inUse: {
    when: "another process, or this one, uses the file",
    help: "fileStore() is for one process, and one store in it. Use redisStore() for more than one.",
  },
};

export const storeCorruptCauses: Causes<"names"> = {
  names: {
    when: "the record that names all others was changed",
    help: "Restore the store from a backup, or empty it: then everybody is asked to sign in again.",
  },
};
