/**
 * Runs the suite on each Node that is supported. The binaries come with the npm package `node`.
 *
 *   npm run test:matrix [-- 22 24]
 */
import { spawn } from "node:child_process";

const supported = ["20", "22", "24", "26"];
const chosen = process.argv.slice(2);
const unknown = chosen.filter((version) => !supported.includes(version));
if (unknown.length > 0) {
  console.error(`Expected some of ${supported.join(", ")}, got ${JSON.stringify(unknown.join(" "))}.`);
  process.exit(2);
}

const failed: string[] = [];
for (const version of chosen.length > 0 ? chosen : supported) {
  console.log(`\n=== Node ${version}`);
  if ((await suiteOn(version)) !== 0) failed.push(version);
}
console.log(failed.length === 0 ? "\nall passed" : `\nfailed on Node ${failed.join(", ")}`);
process.exitCode = failed.length === 0 ? 0 : 1;

function suiteOn(version: string): Promise<number> {
  // The shell's `node` is the one of the package, and vitest starts its workers with what it runs on itself.
  const right = `node -e "process.exit(process.version.startsWith('v${version}.') ? 0 : 1)"`;
  const script = `node --version && ${right} && npm run --silent test:unit`;
  const child = spawn("npx", ["--yes", `--package=node@${version}`, "--call", script], { stdio: "inherit" });
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 1)));
}
