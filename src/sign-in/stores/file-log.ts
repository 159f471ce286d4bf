import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { HostedAgentIdentityError } from "../../errors.js";
import type { RecordChange } from "./records.js";
import { readIfThere } from "./read-if-there.js";

/**
 * The file of a store: a heading, then one line for each write, `<checksum> <changes as JSON>`. A line is on
 * the disk, whole, before `append` resolves. A killed process leaves at most one incomplete line, which was never
 * reported as stored. Anything else that does not fit is damage.
 */
export interface FileLog {
  /** In bytes. */
  readonly size: number;
  /** Adds changes that count together or not at all. */
  append(changes: readonly RecordChange[]): Promise<void>;
  close(): Promise<void>;
}

const heading = "hosted-agent-identity sign-in store 1";
const end = "\n";

/**
 * Reads what the file says, oldest first; nothing when there is no file. Throws `store_corrupt` and leaves
 * the file as it is when a line was changed, cut or mixed up.
 */
export async function readLog(path: string): Promise<RecordChange[]> {
  const text = await readIfThere(path);
  if (text === undefined) return [];
  const lines = text.split(end);
  const tail = lines.pop() ?? "";
  if (lines.shift() !== heading) throw corrupt(path, 1, "this is no file of this store");
  const changes = lines.map((line, index) => {
    const read = parseLine(line);
    if (read === undefined) throw corrupt(path, index + 2, "the line does not match its checksum");
    return read;
  });
  return [...changes, readTail(tail, path, lines.length + 2)].flat();
}

/** The line that was being written when the process was killed. It counts only if it is whole. */
function readTail(tail: string, path: string, line: number): readonly RecordChange[] {
  // A whole line followed by anything but its end was not cut short by a killed process.
  if (parseLine(tail.slice(0, -1)) !== undefined) throw corrupt(path, line, "the end of the line is missing");
  return parseLine(tail) ?? [];
}

/**
 * Writes a new file beside the old one and renames it in one step: whenever the process is killed, one of the two is
 * there, whole. Only its owner can read it.
 */
export async function replaceLog(path: string, live: Iterable<RecordChange>): Promise<FileLog> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND;
  const file = await open(draft, flags, 0o600);
  try {
    let size = await write(file, heading + end);
    for (const lines of chunks(live)) size += await write(file, lines);
    await file.sync();
    await rename(draft, path);
    return openLog(file, size, dirname(path));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function openLog(file: FileHandle, written: number, folder: string): FileLog {
  let size = written;
  let isNamed = false;
  let isBroken = false;
  return {
    get size() {
      return size;
    },
    async append(changes) {
      if (isBroken) throw new Error("an earlier write failed and could not be taken back");
      // The new name has to survive a power cut from now on: until here the old file held the same.
      if (!isNamed) await syncFolder(folder);
      isNamed = true;
      try {
        const length = await write(file, lineOf(changes));
        await file.datasync();
        size += length;
      } catch (error) {
        // Half a line must not stay: the next one would be read as its end.
        isBroken = true;
        await file.truncate(size);
        isBroken = false;
        throw error;
      }
    },
    close: () => file.close(),
  };
}

/** About a megabyte each, so that a large store is never one large string. */
function* chunks(live: Iterable<RecordChange>): Generator<string> {
  let lines = "";
  for (const change of live) {
    lines += lineOf([change]);
    if (lines.length < 1_000_000) continue;
    yield lines;
    lines = "";
  }
  yield lines;
}

function lineOf(changes: readonly RecordChange[]): string {
  const json = JSON.stringify(changes.map(([key, record]) => [key, record?.value, record?.expiresAt]));
  return `${checksum(json)} ${json}${end}`;
}

function parseLine(line: string): readonly RecordChange[] | undefined {
  const json = line.slice(17);
  if (line[16] !== " " || checksum(json) !== line.slice(0, 16)) return undefined;
  const changes = parseJson(json);
  if (!Array.isArray(changes)) return undefined;
  const read = changes.map(changeIn);
  // Anybody can compute a checksum: a line that matches it may still not be ours.
  return read.every((change) => change !== undefined) ? read : undefined;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function changeIn(change: unknown): RecordChange | undefined {
  const [key, value, expiresAt] = Array.isArray(change) ? (change as readonly unknown[]) : [];
  if (typeof key !== "string") return undefined;
  if (value === null && expiresAt === null) return [key, undefined];
  return typeof value === "string" && typeof expiresAt === "number" ? [key, { value, expiresAt }] : undefined;
}

function checksum(json: string): string {
  return createHash("sha256").update(json).digest("hex").slice(0, 16);
}

async function write(file: FileHandle, text: string): Promise<number> {
  const bytes = Buffer.from(text);
  await file.writeFile(bytes);
  return bytes.length;
}

/** Makes the new name survive a power cut. Windows cannot sync a folder, and does not need to. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function corrupt(path: string, line: number, what: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "store_corrupt",
    `The file ${JSON.stringify(path)} is damaged at line ${line}: ${what}. It was left as it is.`,
  );
}
