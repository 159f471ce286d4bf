import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { interleaved, medians, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const run = promisify(execFile);
const rounds = 9;
const here = fileURLToPath(new URL("..", import.meta.url));

/** How long the import of the built package takes in a new process, and what it loads besides itself. */
export async function importTime(): Promise<readonly Row[]> {
  const cpu = { ours: [] as number[], msalNode: [] as number[], azureIdentity: [] as number[] };
  const noted = async (subject: keyof typeof cpu, name: string): Promise<number> => {
    const taken = await time(name);
    cpu[subject].push(taken.cpu);
    return taken.wall;
  };
  const taken = await interleaved(rounds, {
    ours: () => noted("ours", "hosted-agent-identity"),
    msalNode: () => noted("msalNode", "@azure/msal-node"),
    azureIdentity: () => noted("azureIdentity", "@azure/identity"),
  });
  const own = await loadedBy("hosted-agent-identity", "/dist/");
  // MSAL must be seen where it is loaded, or nothing proves that it is not.
  if ((await loadedBy("@azure/msal-node", "/node_modules/")) === 0 || own === 0)
    throw new Error("loaded packages are not seen");
  return [
    { what: 'import "hosted-agent-identity"', unit: "ms", budget: 30, ...medians(taken) },
    {
      what: "cpu of that import, over msal-node's",
      unit: "times",
      budget: 0.25,
      ours: timesMore(cpu.ours, cpu.msalNode),
      azureIdentity: timesMore(cpu.azureIdentity, cpu.msalNode),
    },
    { what: "files of ours loaded by it", unit: "files", budget: 8, ours: own },
    {
      what: "modules of dependencies loaded by it",
      unit: "files",
      budget: 0,
      ours: await loadedBy("hosted-agent-identity", "/node_modules/"),
    },
  ];
}

async function time(name: string): Promise<{ readonly wall: number; readonly cpu: number }> {
  const code = `const cpu = process.cpuUsage(), started = performance.now(); await import(${JSON.stringify(name)}); const wall = performance.now() - started, { user, system } = process.cpuUsage(cpu); console.log(JSON.stringify({ wall, cpu: (user + system) / 1000 }));`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: here });
  return JSON.parse(stdout) as { readonly wall: number; readonly cpu: number };
}

/** Writes the URL of every module that is loaded to the standard output. */
const hooks = `import { writeSync } from "node:fs";
export function load(url, context, next) { writeSync(1, url + "\\n"); return next(url, context); }`;

async function loadedBy(name: string, folder: "/node_modules/" | "/dist/"): Promise<number> {
  const url = `data:text/javascript,${encodeURIComponent(hooks)}`;
  const code = `import { register } from "node:module"; register(${JSON.stringify(url)}); await import(${JSON.stringify(name)});`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: here });
  return stdout
    .split("\n")
    .filter(
      (loaded) => loaded.includes(folder) && (folder !== "/dist/" || !loaded.includes("/node_modules/")),
    ).length;
}
