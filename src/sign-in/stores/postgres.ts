import { check, milliseconds, orElse } from "../../options/checks.js";
import { readOptions, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import { postgresCalls, readOnly, type PostgresCall, type PostgresPool } from "./postgres-calls.js";
import {
  checkPostgres,
  createPostgresTable,
  postgresStoreTable,
  quoted,
  tableOption,
} from "./postgres-table.js";
import { closed, unavailable, wholeLimit, wholeTtl } from "./refusals.js";
import type { SignInStore } from "./store.js";

/**
 * Options of {@link postgresStore}.
 * @group Sign-in
 */
export interface PostgresStoreOptions {
  /** Default `hosted_agent_identity`; also `schema.table`. */
  readonly table?: string;
  /** For each call, the wait for a connection included; default 2 000. */
  readonly timeoutMs?: number;
}

/**
 * Stores sign-ins in one table of PostgreSQL (tested with 15): for several processes that have no Redis. Takes a `Pool`
 * of the package `pg`, which stays yours: `close()` does not end it. Each step is one statement, so a pool of one
 * connection will do, and PgBouncer in transaction mode. Lifetimes are by the clock of the server.
 *
 * `start()` creates the table if it is missing and the user may do that. It throws `store_unsuitable` for a table of
 * another form or an unlogged one, and where `synchronous_commit` is off. Every method throws `store_unavailable` when
 * PostgreSQL does not answer in time, refuses, or only reads: a write may then have happened or not. `closed` after
 * `close()`.
 *
 * Set `connectionTimeoutMillis` of the pool: without it, connections to a server that is gone are tried for minutes.
 *
 * Entry point: `hosted-agent-identity/sign-in`.
 *
 * @example
 * ```ts
 * import pg from "pg";
 * import { postgresStore } from "hosted-agent-identity/sign-in";
 *
 * const connectionString = "postgresql://sign_in@db.example.com/agent?sslmode=verify-full";
 * export const store = postgresStore(new pg.Pool({ connectionString, connectionTimeoutMillis: 2_000 }));
 * ```
 * @group Sign-in
 */
export function postgresStore(pool: PostgresPool, options: PostgresStoreOptions = {}): SignInStore {
  poolCheck.read(pool, "postgresStore: pool");
  const { table, timeoutMs } = readOptions("postgresStore", postgresStoreOptions, options);
  const call = postgresCalls(pool, timeoutMs);
  const sql = statements(quoted(table));
  const sweeper: Sweeper = { call, text: sql.sweep, running: undefined, nextAt: 0 };
  let isClosed = false;
  const open = (): void => {
    if (isClosed) throw closed("postgresStore()");
  };

  /** A statement that changes one record at most. */
  async function change(text: string, values: readonly (Buffer | number)[]): Promise<string | undefined> {
    const [answer] = await call(text, values);
    sweep(sweeper);
    return answer;
  }
  const compareAndSet: SignInStore["compareAndSet"] = async (key, expected, value, ttlMs) => {
    open();
    const written = [bytesOf(key), bytesOf(value), wholeTtl(ttlMs)];
    const answer =
      expected === undefined
        ? await change(sql.setIfAbsent, written)
        : await change(sql.compareAndSet, [...written, bytesOf(expected)]);
    return answer !== undefined;
  };

  return {
    shared: true,
    async start() {
      open();
      if ((await checkPostgres(call, table)) === "ready") return;
      await createPostgresTable(call, table);
      if ((await checkPostgres(call, table)) === "missing") throw missing(table);
    },
    async get(key) {
      open();
      const [answer = ""] = await call(sql.get, [bytesOf(key)]);
      if (answer === "reads") throw readOnly();
      return answer === "none" ? undefined : textOf(answer.slice("found:".length));
    },
    setIfAbsent: async (key, value, ttlMs) => compareAndSet(key, undefined, value, ttlMs),
    async increment(key, ttlMs) {
      open();
      const answer = await change(sql.increment, [bytesOf(key), wholeTtl(ttlMs)]);
      if (answer === undefined) throw unavailable("increment: the value under this key is no counter.");
      return Number(answer);
    },
    compareAndSet,
    async take(key) {
      open();
      const answer = (await change(sql.take, [bytesOf(key)])) ?? "none";
      return answer === "none" ? undefined : textOf(answer.slice("found:".length));
    },
    async delete(key) {
      open();
      await change(sql.delete, [bytesOf(key)]);
    },
    async scan(prefix, cursor, limit) {
      open();
      const first = bytesOf(prefix);
      // No text has this byte in UTF-8, so all keys with the prefix come before.
      const end = Buffer.concat([first, Buffer.from([0xff])]);
      const after = bytesOf(cursor ?? "");
      const [answer = ""] = await call(sql.scan, [first, end, after, wholeLimit(limit)]);
      if (answer === "reads") throw readOnly();
      return pageOf(answer, limit);
    },
    async close() {
      isClosed = true;
      await sweeper.running;
    },
  };
}

/** The options of {@link postgresStore}. */
export const postgresStoreOptions: OptionTable<PostgresStoreOptions, "table" | "timeoutMs"> = {
  table: orElse(tableOption, postgresStoreTable),
  timeoutMs: orElse(milliseconds(), 2_000),
};

const poolCheck: OptionCheck<PostgresPool> = check<PostgresPool>(
  "object",
  "a Pool of the package pg (a Client, or the package postgres, will not do)",
  ({ connect, on, totalCount }: PostgresPool) =>
    typeof connect === "function" && typeof on === "function" && typeof totalCount === "number",
);

function missing(table: string): Error {
  return unavailable(`There is no table ${table}.`, storeUnavailableCauses.pgTable);
}

/** Deletes what has expired, a part at a time, beside the writes. */
interface Sweeper {
  readonly call: PostgresCall;
  readonly text: string;
  running: Promise<void> | undefined;
  /** By the steady clock. */
  nextAt: number;
}

/** How many records one statement deletes, and how often one looks where there were fewer. */
const sweeps = { most: 500, everyMs: 10_000 } as const;

function sweep(sweeper: Sweeper): void {
  if (sweeper.running !== undefined || performance.now() < sweeper.nextAt) return;
  sweeper.nextAt = performance.now() + sweeps.everyMs;
  sweeper.running = deleteSome(sweeper);
}

async function deleteSome(sweeper: Sweeper): Promise<void> {
  try {
    const [gone] = await sweeper.call(sweeper.text, [sweeps.most]);
    if (Number(gone) === sweeps.most) sweeper.nextAt = 0;
  } catch {
    // What is wrong with the server is told by the calls themselves.
  } finally {
    sweeper.running = undefined;
  }
}

/** The last key of a full page is where the next one begins. */
function pageOf(
  answer: string,
  limit: number,
): { readonly records: readonly (readonly [string, string])[]; readonly next: string | undefined } {
  const rows = answer === "" ? [] : answer.split(",").map((row) => row.split(":"));
  return {
    records: rows.flatMap(([key = "", value]) =>
      value === undefined ? [] : [[textOf(key), textOf(value)] as const],
    ),
    next: rows.length < limit ? undefined : textOf(rows.at(-1)?.[0] ?? ""),
  };
}

/**
 * One statement for each step, under READ COMMITTED or stricter: one that meets another waits for its row and looks at
 * it again. Keys and values are bytes, which are the same in a database of any encoding. `statement_timestamp()` is
 * the same throughout a statement.
 */
function statements(
  table: string,
): Readonly<
  Record<"get" | "setIfAbsent" | "increment" | "compareAndSet" | "take" | "delete" | "scan" | "sweep", string>
> {
  const live = "expires_at > statement_timestamp()";
  const end = (ttl: string): string => `statement_timestamp() + ${ttl}::float8 * interval '1 millisecond'`;
  const found = `CASE WHEN ${live} THEN 'found:' || encode(value, 'base64') ELSE 'none' END`;
  return {
    get: `SELECT CASE WHEN pg_is_in_recovery() THEN 'reads'
ELSE coalesce((SELECT ${found} FROM ${table} WHERE key = $1), 'none') END AS answer`,
    setIfAbsent: `INSERT INTO ${table} AS old (key, value, expires_at) VALUES ($1, $2, ${end("$3")})
ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
WHERE NOT old.${live} RETURNING 'written' AS answer`,
    increment: `INSERT INTO ${table} AS old (key, value, expires_at) VALUES ($1, '1'::bytea, ${end("$2")})
ON CONFLICT (key) DO UPDATE SET
value = CASE WHEN old.${live} THEN (encode(old.value, 'escape')::bigint + 1)::text::bytea ELSE excluded.value END,
expires_at = CASE WHEN old.${live} THEN old.expires_at ELSE excluded.expires_at END
WHERE NOT old.${live} OR encode(old.value, 'escape') ~ '^[0-9]{1,15}$'
RETURNING encode(value, 'escape') AS answer`,
    compareAndSet: `UPDATE ${table} SET value = $2, expires_at = ${end("$3")}
WHERE key = $1 AND value = $4 AND ${live} RETURNING 'written' AS answer`,
    take: `DELETE FROM ${table} WHERE key = $1 RETURNING ${found} AS answer`,
    delete: `DELETE FROM ${table} WHERE key = $1 RETURNING 'deleted' AS answer`,
    scan: `SELECT CASE WHEN pg_is_in_recovery() THEN 'reads' ELSE coalesce((
SELECT string_agg(encode(key, 'base64') || CASE WHEN ${live} THEN ':' || encode(value, 'base64') ELSE '' END, ',' ORDER BY key)
FROM (SELECT * FROM ${table} WHERE key >= $1 AND key < $2 AND key > $3 ORDER BY key LIMIT $4) page), '') END AS answer`,
    sweep: `WITH gone AS (DELETE FROM ${table} WHERE key = ANY (ARRAY(
SELECT key FROM ${table} WHERE NOT ${live} ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED))
AND NOT ${live} RETURNING 1) SELECT count(*)::text AS answer FROM gone`,
  };
}

const bytesOf = (text: string): Buffer => Buffer.from(text);
/** PostgreSQL breaks the lines of base64, which is read all the same. */
const textOf = (base64: string): string => Buffer.from(base64, "base64").toString();
