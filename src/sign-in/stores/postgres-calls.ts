import { isHostedAgentIdentityError, type HostedAgentIdentityError } from "../../errors.js";
import { pause, withDeadline } from "../../async/deadline.js";
import { storeUnavailableCauses } from "../../errors/causes/sign-in.js";
import type { ErrorCause } from "../../errors/facts.js";
import { errno, unavailable } from "./refusals.js";

/**
 * What we use of a `Pool` of the package `pg`. Never imported: the caller brings it.
 * @group Sign-in
 */
export interface PostgresPool {
  readonly totalCount: number;
  connect(): Promise<PostgresConnection>;
  on(event: "error", listener: (error: Error) => void): unknown;
  listeners(event: "error"): readonly unknown[];
}

/**
 * A connection of the pool, for one statement.
 * @group Sign-in
 */
export interface PostgresConnection {
  query(statement: { text: string; values: unknown[] }): Promise<{ readonly rows: readonly unknown[] }>;
  on(event: "error", listener: (error: Error) => void): unknown;
  listeners(event: "error"): readonly unknown[];
  /** With `true`, the connection is closed instead of used again. */
  release(destroy?: boolean): unknown;
}

/** Runs one statement, whose rows have one column, a text called `answer`. Throws `store_unavailable`. */
export type PostgresCall = (
  text: string,
  values: readonly (Buffer | number | string)[],
) => Promise<readonly string[]>;

interface CallState {
  readonly pool: PostgresPool;
  readonly timeoutMs: number;
  /** Waiting for a connection, or for an answer. */
  running: number;
}

/** The pool keeps what waits for a connection. Without a bound the heap would grow with every call. */
const maxRunning = 10_000;

/**
 * Calls with a deadline of their own, each of one statement: nothing is left in a session, so a pool of one connection
 * will do, and PgBouncer in transaction mode. A write that is late may have happened or not. What is late is not sent
 * any more, and the connection that did not answer in time is closed.
 */
export function postgresCalls(pool: PostgresPool, timeoutMs: number): PostgresCall {
  const state: CallState = { pool, timeoutMs, running: 0 };
  listen(pool);
  return async (text, values) => {
    if (state.running >= maxRunning) throw unavailable("Thousands of calls wait for PostgreSQL.");
    state.running += 1;
    try {
      return await call(state, text, values);
    } finally {
      state.running -= 1;
    }
  };
}

function call(state: CallState, text: string, values: readonly unknown[]): Promise<readonly string[]> {
  let refused: unknown;
  const late = (): Error =>
    refused === undefined
      ? unavailable(`PostgreSQL did not answer within ${state.timeoutMs} ms.`)
      : fromPostgres(refused);
  return withDeadline(state.timeoutMs, undefined, late, async (signal) => {
    for (;;) {
      try {
        return (await send(state, signal, text, values)).map(answerOf);
      } catch (error) {
        if (isHostedAgentIdentityError(error)) throw error;
        if (!isRolledBack(error)) throw fromPostgres(error);
        refused = error;
        await pause(5 + Math.random() * 20, signal);
      }
    }
  });
}

async function send(
  { pool }: CallState,
  signal: AbortSignal,
  text: string,
  values: readonly unknown[],
): Promise<readonly unknown[]> {
  const connection = await pool.connect();
  listen(connection);
  if (signal.aborted) {
    connection.release();
    throw signal.reason;
  }
  const leave = (): void => void connection.release(true);
  signal.addEventListener("abort", leave, { once: true });
  try {
    const { rows } = await connection.query({ text, values: [...values] });
    if (!signal.aborted) connection.release();
    return rows;
  } catch (error) {
    if (!signal.aborted) connection.release(!isRolledBack(error));
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

/** Without a listener a lost connection would end the process: an idle one by the pool, one that is used by itself. */
function listen(emitter: PostgresPool | PostgresConnection): void {
  if (!emitter.listeners("error").includes(ignore)) emitter.on("error", ignore);
}

/** The call that meets the lost connection tells of it. */
function ignore(): void {}

function answerOf(row: unknown): string {
  const { answer } = Object(row);
  if (typeof answer === "string") return answer;
  throw unavailable("PostgreSQL answered with something that makes no sense here.");
}

/** A statement that met another one and changed nothing: it can be sent again. */
function isRolledBack(error: unknown): boolean {
  const state = sqlState(error);
  return state === "40001" || state === "40P01";
}

/** The five characters of a refusal of PostgreSQL; `undefined` for what the client says by itself. */
function sqlState(error: unknown): string | undefined {
  const code = errno(error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code) ? code : undefined;
}

/** The error of a call, without PostgreSQL's own text, which may quote keys and values. */
function fromPostgres(error: unknown): HostedAgentIdentityError {
  const state = sqlState(error);
  if (state !== undefined) return unavailable(`PostgreSQL refused: SQLSTATE ${state}.`, causeOf(state));
  const message = error instanceof Error ? error.message : String(error);
  return unavailable(
    `PostgreSQL could not be asked: ${errno(error) ?? JSON.stringify(message.slice(0, 160))}.`,
  );
}

/** For a server that only reads: a standby answers from what it has, which may be old. */
export function readOnly(): HostedAgentIdentityError {
  return unavailable("This PostgreSQL only reads.", storeUnavailableCauses.pgReadOnly);
}

function causeOf(state: string): ErrorCause | undefined {
  return Object.hasOwn(causes, state) ? causes[state] : undefined;
}

const { pgContention, pgConnections, pgDisk, pgLogin, pgPrivileges, pgReadOnly, pgRestarting, pgTable } =
  storeUnavailableCauses;
/** Refusals that have a better next step than to try again. Source: PostgreSQL, "Appendix A. PostgreSQL Error Codes". */
const causes: Readonly<Record<string, ErrorCause>> = {
  "25006": pgReadOnly,
  "28000": pgLogin,
  "28P01": pgLogin,
  "3D000": pgLogin,
  "40001": pgContention,
  "40P01": pgContention,
  "42501": pgPrivileges,
  "3F000": pgTable,
  "42703": pgTable,
  "42804": pgTable,
  "42883": pgTable,
  "42P01": pgTable,
  "42P10": pgTable,
  "53100": pgDisk,
  "53300": pgConnections,
  "57P01": pgRestarting,
  "57P02": pgRestarting,
  "57P03": pgRestarting,
};
