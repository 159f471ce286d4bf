import { execFile, execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { keptFolder } from "./kept-folder.js";

/** `python/<name>.in` says what is in one, `python/<name>.lock.txt` which releases, with their hashes. */
export type PythonEnvironmentName = "foundry" | "mcp";

interface Python {
  readonly program: string;
  /** Where and which it is: an environment belongs to one interpreter. */
  readonly identity: string;
}

const run = promisify(execFile);
const lockOf = (name: string): string =>
  fileURLToPath(new URL(`../python/${name}.lock.txt`, import.meta.url));

/** The interpreter of an environment that holds what the lock file names, made if it is not there yet. */
export async function pythonEnvironment(name: PythonEnvironmentName): Promise<string> {
  const python = await findPython();
  const lock = lockOf(name);
  const ingredients = [readFileSync(lock, "utf8"), python.identity];
  const folder = await keptFolder(`python-${name}`, ingredients, async (making) => {
    await run(python.program, ["-m", "venv", making]);
    await installLocked(python, `${making}/bin/python`, lock);
  });
  return `${folder}/bin/python`;
}

/** By uv, which takes seconds, or by pip, which takes a minute, where uv has no build or does not run. */
async function installLocked(python: Python, into: string, lock: string): Promise<void> {
  const locked = ["--no-deps", "--require-hashes", "-r", lock];
  try {
    await run(await findUv(python), ["pip", "install", "--quiet", "--python", into, ...locked]);
  } catch (error) {
    console.log(`uv did not install ${lock}, pip does: ${String(error).slice(0, 300)}`);
    await run(into, ["-m", "pip", "install", "--quiet", ...locked]);
  }
}

async function findUv(python: Python): Promise<string> {
  const ingredients = [readFileSync(lockOf("uv"), "utf8"), python.identity];
  const folder = await keptFolder("python-uv", ingredients, async (making) => {
    await run(python.program, ["-m", "venv", making]);
    await run(`${making}/bin/python`, [
      ...["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:"],
      ...["-r", lockOf("uv")],
    ]);
  });
  return `${folder}/bin/uv`;
}

async function findPython(): Promise<Python> {
  const named = process.env["PYTHON"];
  // The system's own may be hidden behind an older one.
  const programs = named === undefined ? ["python3", "/usr/bin/python3"] : [named];
  const found =
    (await firstUsable(programs)) ?? (installPython(named) ? await firstUsable(programs) : undefined);
  if (found !== undefined) return found;
  throw new Error(
    `No usable Python: ${programs[0]} has to be Python 3.11 or newer with venv. Run \`sudo apt-get install python3 python3-venv\`, or set PYTHON to one.`,
  );
}

async function firstUsable(programs: readonly string[]): Promise<Python | undefined> {
  for (const program of programs) {
    const identity = await ask(program);
    if (identity !== undefined) return { program, identity };
  }
  return undefined;
}

/** Nothing, if it is too old, not there, or cannot make environments, as Debian's without `python3-venv`. */
async function ask(program: string): Promise<string | undefined> {
  const code = [
    "import ensurepip, platform, sys, venv",
    "assert sys.version_info >= (3, 11)",
    "print(sys.version, platform.machine(), sys.executable)",
  ].join("\n");
  return run(program, ["-c", code]).then(
    ({ stdout }) => stdout,
    () => undefined,
  );
}

function installPython(named: string | undefined): boolean {
  if (named !== undefined || process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return false;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["-q", "update"], { env, stdio: "ignore" });
  const packages = ["python3", "python3-venv"];
  execFileSync("apt-get", ["-q", "-y", "--no-install-recommends", "install", ...packages], {
    env,
    stdio: "ignore",
  });
  return true;
}
