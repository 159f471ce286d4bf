/**
 * Runs the official MCP conformance suite against `access.fetch` under unmodified SDKs.
 *
 *   npm run conformance
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plans, type Plan } from "./scenarios.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const problems: string[] = [];

interface Run extends Plan {
  readonly scenario: string;
}

const queue: Run[] = plans.flatMap((plan) => plan.scenarios.map((scenario) => ({ ...plan, scenario })));
const total = queue.length;
let passes = 0;
await accountForAll();
await Promise.all([work(), work()]);
for (const problem of problems) console.error(`FAILED  ${problem}`);
console.log(`${passes} of ${total} conformance scenarios passed`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function work(): Promise<void> {
  for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
    const name = `${run.scenario}  ${run.sdk}  suite ${run.release}`;
    const { code, output } = await suite(run, clientArguments(run), run.sdk);
    const [, passed = "0", of = "0"] = /Passed: (\d+)\/(\d+), 0 failed, 0 warnings/.exec(output) ?? [];
    // A scenario that looks at nothing proves nothing.
    const good = code === 0 && Number(passed) > 0 && passed === of;
    if (good) passes += 1;
    else problems.push(`${name}:\n${output.slice(-2_000)}`);
    console.log(`${good ? "passed  " : "FAILED  "} ${passed}/${of} checks  ${name}`);
  }
}

/** Every scenario of the newest release is played, or has its reason not to be. */
async function accountForAll(): Promise<void> {
  const newest = plans.at(-1);
  if (newest === undefined) return;
  const { output } = await suite(newest, ["list", "--client"], newest.sdk);
  const known = Array.from(output.matchAll(/^ {2}- (\S+)/gm), ([, name = ""]) => name);
  const reasons = readFileSync(at("expected-failures.yml"), "utf8").split("\n").slice(3).filter(Boolean);
  const excused = reasons.map((line) => /^ {2}- (\S+) # \S/.exec(line)?.[1]);
  if (excused.includes(undefined)) problems.push("expected-failures.yml: a line without a reason");
  const played = new Set(plans.flatMap(({ scenarios }) => scenarios));
  for (const name of known) {
    if (!played.has(name) && !excused.includes(name)) problems.push(`${name}: neither played nor excused`);
  }
  for (const name of excused) {
    if (name !== undefined && (!known.includes(name) || played.has(name)))
      problems.push(`expected-failures.yml: ${name} is ${played.has(name) ? "played" : "unknown"}`);
  }
  if (known.length === 0) problems.push(`the suite lists no scenario:\n${output.slice(-2_000)}`);
}

function clientArguments({ scenario, spec }: Run): string[] {
  const command = `${JSON.stringify(process.execPath)} --import tsx ${JSON.stringify(at("client.ts"))}`;
  const version = spec === undefined ? [] : ["--spec-version", spec];
  return ["client", "--command", command, "--scenario", scenario, ...version];
}

/** The suite, in the release and on the Node of the plan; the client always runs on the Node at hand. */
function suite(plan: Plan, args: readonly string[], sdk: string): Promise<{ code: number; output: string }> {
  const cli = "@modelcontextprotocol/conformance";
  const [file, before] =
    plan.node === undefined
      ? [process.execPath, [at(`../../node_modules/${cli}/dist/index.js`)]]
      : ["npx", ["--yes", `--package=node@${plan.node}`, `--package=${cli}@${plan.release}`, "conformance"]];
  const env = { ...process.env, CONFORMANCE_SDK: sdk, TSX_TSCONFIG_PATH: at("../tsconfig.json") };
  return new Promise((resolve) => {
    execFile(file, [...before, ...args], { env, cwd: at("../.."), timeout: 300_000 }, (error, out, err) =>
      resolve({ code: error === null ? 0 : 1, output: `${out}\n${err}` }),
    );
  });
}
