import { execFile, execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chown, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "./free-port.js";

const run = promisify(execFile);

/** A real PostgreSQL on loopback, with a folder of its own. */
export interface PostgresServer {
  readonly port: number;
  /** Of its superuser. */
  readonly url: string;
  /** The same database for another user, whose password is its name; or at another port. */
  urlFor(user: string, port?: number): string;
  /** Ends every process of it (`SIGKILL` by default: as a crash does) and keeps the folder. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port, with the same folder. */
  start(): Promise<void>;
  /** Starts a standby, which has what this one has. */
  standby(): Promise<PostgresServer>;
  /** Ends it and deletes its folder. */
  remove(): Promise<void>;
}

interface Program {
  /** Where `postgres`, `initdb` and `pg_basebackup` are. */
  readonly folder: string;
  /** PostgreSQL refuses to run as root. `undefined`: this user will do. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
}

/** Starts one; `settings` as in postgresql.conf, `durable` for tests that need what is written to be on the disk. */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  { durable = false } = {},
): Promise<PostgresServer> {
  const program = postgresProgram();
  const data = await ownFolder(program);
  await run("cp", ["-a", "--reflink=auto", `${await template(program)}/.`, data]);
  return started(program, data, { ...(durable ? {} : { fsync: "off" }), ...settings });
}

async function started(
  program: Program,
  data: string,
  settings: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  // The port was free a moment ago: another test may have taken it since.
  for (let attempt = 0; ; attempt += 1) {
    const port = await freePort();
    try {
      return serverOf(program, { data, port, settings }, await launch(program, { data, port, settings }));
    } catch (error) {
      if (attempt < 4) continue;
      await rm(data, { recursive: true, force: true });
      throw error;
    }
  }
}

interface Place {
  readonly data: string;
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
}

function serverOf(program: Program, place: Place, first: ChildProcess): PostgresServer {
  const { data, port, settings } = place;
  let child: ChildProcess | undefined = first;
  const stop = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const ending = child;
    child = undefined;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once("exit", resolve));
    kill(ending, signal);
    await ended;
  };
  const urlFor = (user: string, at = port): string => `postgresql://${user}:${user}@127.0.0.1:${at}/postgres`;
  return {
    port,
    url: urlFor("postgres"),
    urlFor,
    stop,
    async start() {
      // Its memory is let go of when the last of its processes has ended.
      for (let attempt = 0; child === undefined; attempt += 1) {
        child = await launch(program, place).catch((error: unknown) => {
          if (attempt === 40) throw error;
          return sleep(50, undefined);
        });
      }
    },
    async standby() {
      const copy = await ownFolder(program);
      const from = ["-d", urlFor("postgres"), "-D", copy, "-R", "-X", "stream", "-c", "fast", "--no-sync"];
      await run(join(program.folder, "pg_basebackup"), from, { ...program.user, cwd: "/" });
      return started(program, copy, settings);
    },
    async remove() {
      await stop();
      // Processes of it that are just ending may still write.
      await rm(data, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    },
  };
}

/** Also the processes that the first one has started: they would answer for a moment longer. */
function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  const children = signal === "SIGKILL" ? childrenOf(child.pid) : [];
  child.kill(signal);
  for (const pid of children) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

function childrenOf(pid: number | undefined): readonly number[] {
  const list = `/proc/${pid}/task/${pid}/children`;
  return existsSync(list) ? readFileSync(list, "utf8").trim().split(" ").map(Number).filter(Boolean) : [];
}

function launch(program: Program, { data, port, settings }: Place): Promise<ChildProcess> {
  const all = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    shared_buffers: "16MB",
    max_connections: "40",
    lc_messages: "C",
    ...settings,
  };
  const given = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(program.folder, "postgres"), ["-D", data, ...given], {
    ...program.user,
    cwd: "/",
    stdio: ["ignore", "ignore", "pipe"],
  });
  // A test process that ends early leaves no server behind.
  const end = (): void => kill(child, "SIGKILL");
  process.once("exit", end);
  child.once("exit", () => process.off("exit", end));
  return new Promise((resolve, reject) => {
    let log = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`postgres ended:\n${log}`)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (log.length < 100_000) log += text;
      // A standby says that it accepts read-only connections.
      if (/ready to accept .*connections/.test(log)) resolve(child);
    });
  });
}

/** A new database, made once and kept outside of the checkout: `initdb` takes seconds. */
async function template(program: Program): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "hosted-agent-identity");
  const version = basename(dirname(program.folder));
  const kept = join(cache, `postgres-${version}-${program.user?.uid ?? "own"}`);
  if (existsSync(join(kept, "PG_VERSION"))) return kept;
  await mkdir(cache, { recursive: true });
  const data = await ownFolder(program);
  const password = `${data}.password`;
  const fresh = await mkdtemp(`${kept}-`);
  try {
    await writeFile(password, "postgres\n");
    const how = ["--auth=scram-sha-256", `--pwfile=${password}`, "--username=postgres", "--no-sync"];
    const form = ["--encoding=UTF8", "--locale=C", "--no-instructions"];
    await run(join(program.folder, "initdb"), ["-D", data, ...how, ...form], { ...program.user, cwd: "/" });
    await run("cp", ["-a", `${data}/.`, fresh]);
    await rename(fresh, kept);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(join(kept, "PG_VERSION"))) throw cause;
  } finally {
    await rm(data, { recursive: true, force: true });
    await rm(password, { force: true });
  }
  return kept;
}

async function ownFolder({ user }: Program): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postgres-"));
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  return folder;
}

function postgresProgram(): Program {
  const folder = findPostgres() ?? installPostgres();
  if (folder === undefined)
    throw new Error(
      "The tests of the PostgreSQL store need postgres: run `sudo apt-get install postgresql`, or set POSTGRES_BIN_PATH to the folder that has it.",
    );
  return { folder, user: process.getuid?.() === 0 ? userOf(["postgres", "nobody"]) : undefined };
}

function findPostgres(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian) : [];
  const newest = versions.toSorted((one, other) => Number(other) - Number(one));
  const folders = [
    process.env["POSTGRES_BIN_PATH"] ?? "",
    ...newest.map((version) => join(debian, version, "bin")),
    "/usr/local/pgsql/bin",
  ];
  return folders.find((folder) => folder !== "" && existsSync(join(folder, "postgres")));
}

function installPostgres(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return undefined;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
  execFileSync("apt-get", ["-q", "-y", "--no-install-recommends", "install", "postgresql"], {
    env,
    stdio: "ignore",
  });
  return findPostgres();
}

function userOf(names: readonly string[]): { readonly uid: number; readonly gid: number } {
  for (const name of names) {
    try {
      const id = (of: string): number => Number(execFileSync("id", [of, name], { stdio: "pipe" }).toString());
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      continue;
    }
  }
  throw new Error(`There is none of these users, and postgres does not run as root: ${names.join(", ")}.`);
}
