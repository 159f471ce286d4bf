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
  | "full"
  | "disk"
  | "moved"
  | "held"
  | "OOM"
  | "MISCONF"
  | "READONLY"
  | "MASTERDOWN"
  | "LOADING"
  | "NOREPLICAS"
  | "CLUSTERDOWN"
  | "MOVED"
  | "NOAUTH"
  | "WRONGPASS"
  | "NOPERM"
  | "WRONGTYPE"
  | "pgReadOnly"
  | "pgLogin"
  | "pgPrivileges"
  | "pgTable"
  | "pgConnections"
  | "pgDisk"
  | "pgRestarting"
  | "pgContention"
> = {
  full: {
    help: "Raise maxEntries or maxBytes of the store, or use redisStore().",
  },
  disk: {
    help: "Free some space on it. An open store still reads and deletes.",
  },
  moved: {
    help: "Put the file back, or restart: it then takes the file that is there, or a new one.",
  },
  held: {
    help: "Try again. If it keeps failing, end the process that uses the file and hangs.",
  },
  OOM: {
    help: "Redis is full: raise maxmemory, and keep maxmemory-policy noeviction.",
  },
  MISCONF: { help: "Redis cannot write to its disk: check its log." },
  READONLY: {
    help: "This is a replica. The store looks for the primary with a new connection, unless you opened the client.",
  },
  MASTERDOWN: {
    help: "This is a replica that has lost its primary: connect to the primary, or wait for the failover.",
  },
  LOADING: { help: "Redis is reading its data after a start: try again in a moment." },
  NOREPLICAS: { help: "Too few replicas are connected for min-replicas-to-write: check them." },
  CLUSTERDOWN: {
    help: "Keys of this cluster have no primary: try again after the failover, or check its nodes.",
  },
  MOVED: {
    help: "This Redis is a cluster: give redisStore() what createCluster() of the package redis makes.",
    category: "config",
  },
  NOAUTH: {
    help: "Give the client the user name and password for this Redis.",
    category: "config",
  },
  WRONGPASS: {
    help: "Give the client the user name and password for this Redis.",
    category: "config",
  },
  NOPERM: {
    help: "Allow this user GET, SET, SETRANGE, GETRANGE, STRLEN, DEL, INCR, PTTL, PEXPIRE, EVALSHA and EVAL on our keys, INFO, SCAN and WAIT.",
    category: "config",
  },
  WRONGTYPE: {
    help: "Something else uses these keys: set another keyPrefix.",
    category: "config",
  },
  pgReadOnly: {
    help: "It is a standby, or was set read-only (Azure does so when its storage is nearly full): connect to the primary, or make room.",
  },
  pgLogin: {
    help: "Give the pool the user, password and database for this PostgreSQL, and check pg_hba.conf or the firewall.",
    category: "config",
  },
  pgPrivileges: {
    help: "Create the table with the SQL in docs/guides/sign-in.md, and GRANT SELECT, INSERT, UPDATE, DELETE on it to this user.",
    category: "config",
  },
  pgTable: {
    help: "Create the table: start() does it, or the SQL in docs/guides/sign-in.md.",
    category: "config",
  },
  pgConnections: { help: "Too many connections: lower max of the pools, or put PgBouncer in between." },
  pgDisk: { help: "The disk of PostgreSQL is full: make room on it." },
  pgRestarting: { help: "PostgreSQL is starting, stopping or failing over: try again in a moment." },
  pgContention: { help: "Other transactions lock these records: look for long ones in pg_stat_activity." },
};

export const storeUnsuitableCauses: Causes<
  "policyUnknown" | "evicts" | "cluster" | "sandbox" | "node" | "network" | "pgCommit" | "pgTable"
> = {
  policyUnknown: {
    help: 'Look it up. If it is noeviction, pass { maxmemoryPolicy: "noeviction" } to redisStore().',
  },
  evicts: {
    help: "Set maxmemory-policy to noeviction (redis.conf, CONFIG SET, or your provider's settings).",
  },
  cluster: {
    help: "Give redisStore() what createCluster() of the package redis makes, or use a Redis without shards (Azure Managed Redis: clustering policy NoCluster).",
  },
  sandbox: {
    help: "Use redisStore(), which all sessions can share, or remoteSignIn().",
  },
  node: {
    help: "Run it on Node 22.13 or newer, or use redisStore().",
  },
  network: {
    help: "Put the file on a local disk, or use redisStore().",
  },
  pgCommit: {
    help: "Set it to on for this user: ALTER ROLE … SET synchronous_commit = on.",
  },
  pgTable: {
    help: "Name another table with the option table, or create this one with the SQL in docs/guides/sign-in.md.",
  },
};

export const storeCorruptCauses: Causes<"names"> = {
  names: {
    help: "Restore the store from a backup, or empty it: everyone then has to sign in again.",
  },
};
