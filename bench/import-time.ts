import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { interleaved, medians } from "./statistics.js";
import type { Row } from "./table.js";

const run = promisify(execFile);
const rounds = 9;
const here = fileURLToPath(new URL("..", import.meta.url));

/** How long the import of the built package takes in a new process, and what it loads besides itself. */
export async function importTime(): Promise<readonly Row[]> {
  const taken = await interleaved(rounds, {
    ours: () => time("hosted-agent-identity"),
    msalNode: () => time("@azure/msal-node"),
    azureIdentity: () => time("@azure/identity"),
  });
  // MSAL must be seen where it is loaded, or nothing proves that it is not.
  if ((await dependenciesOf("@azure/msal-node")) === 0) throw new Error("loaded packages are not seen");
  return [
    { what: 'import "hosted-agent-identity"', unit: "ms", budget: 30, ...medians(taken) },
    {
      what: "modules of dependencies loaded by it",
      unit: "files",
      budget: 0,
      ours: await dependenciesOf("hosted-agent-identity"),
    },
  ];
}

async function time(name: string): Promise<number> {
  const code = `const started = performance.now(); await import(${JSON.stringify(name)}); console.log(performance.now() - started);`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: here });
  return Number(stdout);
}

/** Writes the URL of every module that is loaded to the standard output. */
const hooks = `import { writeSync } from "node:fs";
export function load(url, context, next) { writeSync(1, url + "\\n"); return next(url, context); }`;

async function dependenciesOf(name: string): Promise<number> {
  const url = `data:text/javascript,${encodeURIComponent(hooks)}`;
  const code = `import { register } from "node:module"; register(${JSON.stringify(url)}); await import(${JSON.stringify(name)});`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: here });
  return stdout.split("\n").filter((loaded) => loaded.includes("/node_modules/")).length;
}
