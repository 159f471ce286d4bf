import { storeUnavailableCauses, storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { text } from "../../options/checks.js";
import type { OptionCheck } from "../../options/option-table.js";
import { readOnly, type PostgresCall } from "./postgres-calls.js";
import { unavailable, unsuitable } from "./refusals.js";

/** The default of the option `table`. */
export const postgresStoreTable = "hosted_agent_identity";

/** The option `table`. */
export const tableOption: OptionCheck<string> = text(
  "the name of a table, with or without its schema, in small letters, digits and _",
  /^([a-z_][a-z0-9_]{0,62}\.)?[a-z_][a-z0-9_]{0,54}$/,
);

/** The name as it stands in a statement. */
export function quoted(table: string): string {
  return table
    .split(".")
    .map((part) => `"${part}"`)
    .join(".");
}

/**
 * Throws when a server or its table cannot keep a store's promises; tells whether the table is there. Changes nothing.
 */
export async function checkPostgres(call: PostgresCall, table: string): Promise<"ready" | "missing"> {
  const [answer = ""] = await call(look, [quoted(table)]);
  const [serves, commits, found, columns, privileges] = answer.split("|");
  if (serves === "reads") throw readOnly();
  if (commits === "off")
    throw unsuitable(
      "This PostgreSQL confirms what a crash may lose: synchronous_commit is off.",
      storeUnsuitableCauses.pgCommit,
    );
  if (found === "none") return "missing";
  if (columns !== "expires_at timestamp with time zone, key bytea, value bytea" || found !== "keyed")
    throw unsuitable(
      found === "unlogged"
        ? `The table ${table} is unlogged: a crash would empty it.`
        : `The table ${table} is not one of this store.`,
      storeUnsuitableCauses.pgTable,
    );
  if (privileges !== "all")
    throw unavailable(
      `The user has not all privileges on the table ${table}.`,
      storeUnavailableCauses.pgPrivileges,
    );
  return "ready";
}

/** Creates the table, alone or while others do so. */
export async function createPostgresTable(call: PostgresCall, table: string): Promise<void> {
  await call(creation(table), []);
}

/** One statement, for one transaction. Those that start at the same time wait for each other. */
function creation(table: string): string {
  const name = quoted(table);
  const index = `"${table.split(".").at(-1)}_expires"`;
  return `DO $do$ BEGIN
PERFORM pg_advisory_xact_lock(7267, hashtext('${table}'));
CREATE TABLE IF NOT EXISTS ${name} (key bytea PRIMARY KEY, value bytea NOT NULL, expires_at timestamptz NOT NULL);
CREATE INDEX IF NOT EXISTS ${index} ON ${name} (expires_at);
END $do$`;
}

const look = `
SELECT concat_ws('|',
  CASE WHEN pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' THEN 'reads' ELSE 'writes' END,
  current_setting('synchronous_commit'),
  CASE WHEN it.oid IS NULL THEN 'none'
    WHEN it.relpersistence = 'u' THEN 'unlogged'
    WHEN it.relpersistence = 'p' AND it.relkind IN ('r', 'p') AND EXISTS (
      SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
      WHERE i.indrelid = it.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
        AND i.indpred IS NULL AND i.indimmediate AND a.attname = 'key'
    ) THEN 'keyed' ELSE 'other' END,
  coalesce((SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname)
    FROM pg_attribute WHERE attrelid = it.oid AND attnum > 0 AND NOT attisdropped), ''),
  CASE WHEN has_table_privilege(it.oid, 'SELECT') AND has_table_privilege(it.oid, 'INSERT')
    AND has_table_privilege(it.oid, 'UPDATE') AND has_table_privilege(it.oid, 'DELETE') THEN 'all' ELSE 'some' END
) AS answer
FROM (SELECT to_regclass($1)::oid AS oid) named LEFT JOIN pg_class it ON it.oid = named.oid`;
