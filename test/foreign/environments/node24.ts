import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A Node that runs the newest releases, and TypeScript as it is. npm has its binary in the package `node`. */
export async function node24(): Promise<string> {
  if (Number(process.versions.node.split(".")[0]) >= 24) return process.execPath;
  const { stdout } = await run("npx", ["-y", "-p", "node@24", "-c", "node -p process.execPath"]);
  return stdout.trim();
}
