import type { Mutant } from "./mutant.js";

const tests = ["test/sign-in/stores/postgres.test.ts"];
const suite = ["test/sign-in/stores/conformance.test.ts"];

/** What keeps sign-ins in PostgreSQL whole, secret, and no longer than they live. */
export const postgresMutants: readonly Mutant[] = [
  {
    name: "a-standby-is-read",
    rule: 10,
    find: 'if (answer === "reads") throw readOnly(); return answer === "none"',
    replace: 'return answer === "none"',
    tests,
  },
  {
    name: "a-standby-is-listed",
    rule: 10,
    find: 'if (answer === "reads") throw readOnly(); return pageOf',
    replace: "return pageOf",
    tests,
  },
  {
    name: "commits-that-a-crash-loses",
    rule: 10,
    find: 'if (commits === "off")',
    replace: "if (false as boolean)",
    tests,
  },
  {
    name: "a-table-that-is-not-the-stores",
    rule: 10,
    find: 'if (columns !== "expires_at timestamp with time zone, key bytea, value bytea" || found !== "keyed")',
    replace: "if (false as boolean)",
    tests,
  },
  {
    name: "a-table-that-a-crash-empties",
    rule: 10,
    find: "WHEN it.relpersistence = 'u' THEN 'unlogged' WHEN it.relpersistence = 'p' AND it.relkind",
    replace: "WHEN it.relkind",
    tests,
  },
  {
    name: "a-name-of-a-table-with-sql",
    rule: 10,
    find: "/^([a-z_][a-z0-9_]{0,62}\\.)?[a-z_][a-z0-9_]{0,54}$/",
    replace: "/./",
    tests,
  },
  {
    name: "a-late-statement-is-sent",
    rule: 11,
    find: "if (signal.aborted) { connection.release(); throw signal.reason; }",
    in: "send",
    replace: "",
    tests,
  },
  {
    name: "a-connection-that-does-not-answer-is-kept",
    rule: 11,
    find: 'signal.addEventListener("abort", leave, { once: true }); try { const { rows } = await connection.query',
    replace: "void leave; try { const { rows } = await connection.query",
    tests,
  },
  {
    name: "calls-without-a-bound",
    rule: 11,
    find: 'if (state.running >= maxRunning) throw unavailable("Thousands of calls wait for PostgreSQL.");',
    replace: "",
    tests,
  },
  {
    name: "a-lost-connection-ends-the-process",
    rule: 11,
    find: 'if (!emitter.listeners("error").includes(ignore)) emitter.on("error", ignore);',
    replace: "void emitter;",
    tests,
  },
  {
    name: "postgres-text-in-an-error",
    rule: 6,
    find: "return unavailable(`PostgreSQL refused: SQLSTATE ${state}.`, causeOf(state));",
    replace: "return unavailable(`PostgreSQL refused: ${state} ${String(error)}.`, causeOf(state));",
    tests,
  },
  {
    name: "a-counter-made-of-a-grant",
    rule: 10,
    find: "WHERE NOT old.${live} OR encode(old.value, 'escape') ~ '^[0-9]{1,15}$'",
    replace: "",
    tests,
  },
  {
    name: "a-record-of-postgres-outlives-its-end",
    rule: 10,
    find: "WHERE key = $1 AND value = $4 AND ${live} RETURNING",
    replace: "WHERE key = $1 AND value = $4 RETURNING",
    tests,
  },
  {
    name: "a-live-record-is-written-over",
    rule: 10,
    find: "WHERE NOT old.${live} RETURNING 'written' AS answer",
    replace: "RETURNING 'written' AS answer",
    tests: suite,
  },
  {
    name: "live-records-are-swept",
    rule: 10,
    find: "WHERE NOT ${live} ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)) AND NOT ${live} RETURNING 1",
    replace: "ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1",
    tests,
  },
];
