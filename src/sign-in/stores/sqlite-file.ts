import { closeSync, openSync, statfsSync, statSync } from "node:fs";
import { mkdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../../errors.js";
import { storeUnavailableCauses, storeUnsuitableCauses } from "../../errors/causes/sign-in.js";
import { foundryEnvironment } from "../../foundry/environment.js";
import { errno, unavailable, unsuitable } from "./refusals.js";

/** The part of `node:sqlite` that is used. The types of Node 20 do not have it. */
interface Sqlite {
  readonly DatabaseSync: new (path: string) => Database;
}

interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

interface Statement {
  get(...values: readonly Bound[]): unknown;
  all(...values: readonly Bound[]): readonly unknown[];
  run(...values: readonly Bound[]): unknown;
}

type Bound = string | number | Uint8Array;

/** An open file, and what is prepared on it. */
export interface SqliteFile {
  readonly path: string;
  readonly database: Database;
  /** How many pages the file may have. SQLite refuses more. */
  readonly maxPages: number;
  readonly statements: Statements;
  /** Which file was opened: another one may have its name by now. */
  readonly opened: FileIdentity;
}

type Statements = Readonly<
  Record<
    "begin" | "commit" | "rollback" | "read" | "write" | "remove" | "dated" | "range" | "pages" | "free",
    Statement
  >
>;

interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** In bytes. */
const pageSize = 4096;
/** Pages at the end of the file that only deletions may take: they can split a node of the tree. */
const sparePages = 16;
/** The space on a disk that no write may take, so that deletions and checkpoints have it. In bytes. */
const spareDisk = 4 * 1024 * 1024;

/** Marks the file as one of this store: "HAIs". Source: sqlite.org/fileformat.html, "application ID". */
const applicationId = 0x48414973;
const version = 1;

// Keys and values are blobs: some releases of Node end a text of SQLite at its first zero.
const table =
  "CREATE TABLE records (key BLOB PRIMARY KEY, written INTEGER NOT NULL, ends INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID, STRICT";

/**
 * Opens the file, or makes it. Throws `store_unsuitable` where this cannot work at all, `store_corrupt` for a file that
 * is damaged or not of this store, `store_unavailable` for what the disk refuses.
 */
export async function openSqliteFile(given: string, maxBytes: number): Promise<SqliteFile> {
  const { DatabaseSync } = sqliteModule();
  refuseSandbox();
  const path = await realFile(given);
  createEmpty(path);
  return whileBusy(path, () => {
    const database = new DatabaseSync(path);
    try {
      return prepared(path, database, Math.floor(maxBytes / pageSize));
    } catch (error) {
      database.close();
      throw error;
    }
  });
}

/** Deletes nothing: SQLite writes the log into the file and removes it, if this was the last connection. */
export function closeSqliteFile({ database }: SqliteFile): void {
  database.close();
}

/** Throws `store_unavailable` when the file was deleted or replaced: what is written to it would be lost. */
export function refuseMoved({ path, opened }: SqliteFile): void {
  const found = identityOf(path);
  if (found?.dev === opened.dev && found.ino === opened.ino) return;
  throw unavailable(
    `The file ${JSON.stringify(path)} was deleted or replaced while it was in use.`,
    storeUnavailableCauses.moved,
  );
}

/** Whether a value of this size, in bytes, leaves the rest of the file free for others. */
export function fitsFile(file: SqliteFile, bytes: number, share: number): boolean {
  const used = pragma(file, "pages") - pragma(file, "free");
  // Besides its own pages, a value may split the nodes above it.
  return used + overflowPages(bytes) + 3 <= share * (file.maxPages - sparePages);
}

/** Throws `store_unavailable` when the file would have to grow and the disk has no room to spare. */
export function refuseFullDisk(file: SqliteFile, bytes: number): void {
  if (overflowPages(bytes) > pragma(file, "free") && freeSpace(file.path) < spareDisk + bytes)
    throw fullDisk(file.path);
}

/**
 * Runs `work` again while another connection holds a lock, for two seconds. SQLite itself waits only for a moment
 * (`busy_timeout`): nothing else in this process runs meanwhile.
 */
export async function whileBusy<T>(path: string, work: () => T): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return work();
    } catch (error) {
      if (attempt === 20 || !isBusy(error)) throw asStoreError(path, error);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Undoes an open transaction. After some errors SQLite has done so itself. */
export function rollBack({ statements }: SqliteFile): void {
  try {
    statements.rollback.run();
  } catch {
    // There is none any more.
  }
}

/** `store_unavailable` or `store_corrupt` for what SQLite or the disk reports, and our own errors as they are. */
export function asStoreError(path: string, error: unknown): HostedAgentIdentityError {
  if (isHostedAgentIdentityError(error)) return error;
  const code = resultOf(error);
  if (code === results.corrupt || code === results.notADatabase)
    return damaged(path, "SQLite cannot read it");
  // A log that cannot grow is an error of another kind to SQLite.
  if (code === results.full || (code !== undefined && freeSpace(path) < 16 * pageSize)) return fullDisk(path);
  if (code === results.busy) {
    return unavailable(
      `Another process holds the file ${JSON.stringify(path)}.`,
      storeUnavailableCauses.held,
    );
  }
  const reason = errstrOf(error) ?? errno(error) ?? "the disk refused";
  return unavailable(`The file ${JSON.stringify(path)} could not be used: ${reason}.`, { cause: error });
}

/** The one for damage, and for a file of something else. */
export function damaged(path: string, what: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "store_corrupt",
    `The file ${JSON.stringify(path)} was left as it is: ${what}.`,
  );
}

function prepared(path: string, database: Database, maxPages: number): SqliteFile {
  database.exec("PRAGMA busy_timeout = 50");
  const isNew = checkOrigin(path, database);
  if (isNew) database.exec(`PRAGMA page_size = ${pageSize}`);
  // Before anything is written: without this mode a killed process could not be told from a running one.
  const mode = Object(database.prepare("PRAGMA journal_mode = WAL").get()).journal_mode;
  if (mode !== "wal") {
    throw unsuitable(
      `SQLite cannot lock the file ${JSON.stringify(path)} as it must.`,
      storeUnsuitableCauses.network,
    );
  }
  // What is reported as stored is on the disk; the log stays small; what is deleted is overwritten.
  database.exec("PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256; PRAGMA secure_delete = ON");
  if (isNew) create(path, database);
  database.exec(`PRAGMA max_page_count = ${maxPages}`);
  const opened = identityOf(path);
  if (opened === undefined) throw unavailable("The file was deleted at once.");
  return { path, database, maxPages, opened, statements: statementsOf(database) };
}

/** Each is prepared once. */
function statementsOf(database: Database): Statements {
  const all = "key, written, ends, value";
  return {
    begin: database.prepare("BEGIN IMMEDIATE"),
    commit: database.prepare("COMMIT"),
    rollback: database.prepare("ROLLBACK"),
    read: database.prepare(`SELECT ${all} FROM records WHERE key = ?`),
    write: database.prepare(`INSERT OR REPLACE INTO records (${all}) VALUES (?, ?, ?, ?)`),
    remove: database.prepare("DELETE FROM records WHERE key = ?"),
    dated: database.prepare("SELECT key, written, ends FROM records WHERE key > ? ORDER BY key LIMIT ?"),
    range: database.prepare(
      `SELECT ${all} FROM records WHERE key > ? AND key >= ? AND key < ? ORDER BY key LIMIT ?`,
    ),
    pages: database.prepare("PRAGMA page_count"),
    free: database.prepare("PRAGMA freelist_count"),
  };
}

/** Whether the file is empty. Throws `store_corrupt` when it is damaged or something else's. */
function checkOrigin(path: string, database: Database): boolean {
  const one = (sql: string, name: string): unknown => Object(database.prepare(sql).get())[name];
  const id = one("PRAGMA application_id", "application_id");
  const tables = one("SELECT count(*) AS tables FROM sqlite_schema", "tables");
  if (id === 0 && tables === 0) return true;
  if (id !== applicationId || one("PRAGMA user_version", "user_version") !== version)
    throw damaged(path, "something else made it");
  const found = one("SELECT sql FROM sqlite_schema WHERE name = 'records'", "sql");
  if (found !== table || tables !== 1) throw damaged(path, "it has other tables");
  if (one("PRAGMA integrity_check(1)", "integrity_check") !== "ok")
    throw damaged(path, "its pages do not fit together");
  return false;
}

function create(path: string, database: Database): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    // Another process may have been faster.
    if (checkOrigin(path, database))
      database.exec(`${table}; PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function sqliteModule(): Sqlite {
  const found = process.getBuiltinModule("node:sqlite");
  if (found !== undefined && isSqlite(found)) return found;
  throw unsuitable(
    `sqliteStore() needs node:sqlite, which Node ${process.versions.node} does not have.`,
    storeUnsuitableCauses.node,
  );
}

function isSqlite(module: object): module is Sqlite {
  return "DatabaseSync" in module;
}

function refuseSandbox(): void {
  if (!foundryEnvironment(process.env).hosted) return;
  throw unsuitable(
    "sqliteStore() keeps nothing in a hosted sandbox: its disk belongs to one session.",
    storeUnsuitableCauses.sandbox,
  );
}

/** Behind symbolic links, so that two names of one file are one file. */
async function realFile(given: string): Promise<string> {
  const path = resolve(given);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return await realpath(path);
  } catch (error) {
    if (errno(error) !== "ENOENT") throw asStoreError(path, error);
    return join(await realpath(dirname(path)), basename(path));
  }
}

/**
 * Only its owner can read a new file, and SQLite gives its log the same mode. A file that is there is not opened:
 * to close it would end the locks that this process has on it. Source: sqlite.org/howtocorrupt.html, 2.2.
 */
function createEmpty(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if (errno(error) !== "EEXIST") throw asStoreError(path, error);
  }
}

function identityOf(path: string): FileIdentity | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

function pragma({ statements }: SqliteFile, name: "pages" | "free"): number {
  return Number(Object.values(Object(statements[name].get()))[0]);
}

function overflowPages(bytes: number): number {
  return Math.ceil(bytes / (pageSize - 4));
}

/** In bytes. Where the system does not tell, SQLite finds out. */
function freeSpace(path: string): number {
  try {
    const { bavail, blocks, bsize } = statfsSync(dirname(path));
    return blocks === 0 ? Infinity : bavail * bsize;
  } catch {
    return Infinity;
  }
}

function fullDisk(path: string): HostedAgentIdentityError {
  return unavailable(`The disk of the file ${JSON.stringify(path)} is full.`, storeUnavailableCauses.disk);
}

/** Results of SQLite. Source: sqlite.org/rescode.html. */
const results = { busy: 5, corrupt: 11, full: 13, notADatabase: 26 } as const;

function resultOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && "errcode" in error ? error.errcode : undefined;
  // The lowest byte is the kind, the rest says more.
  return typeof code === "number" ? code & 0xff : undefined;
}

/** SQLite's words for a result. They hold nothing of a statement. */
function errstrOf(error: unknown): string | undefined {
  const words: unknown = error instanceof Error && "errstr" in error ? error.errstr : undefined;
  return typeof words === "string" ? words : undefined;
}

function isBusy(error: unknown): boolean {
  return resultOf(error) === results.busy;
}
