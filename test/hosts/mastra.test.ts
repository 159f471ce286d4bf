import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { describeAgent, type StartAgent } from "./agent-scenarios.js";

const run = promisify(execFile);

/**
 * Mastra's packages are many, so they are not among the repository's own: the example brings a lockfile, which is
 * installed once. Its newest release needs Node 22.13; `npm run test:hosts:newest` runs this on Node 24.
 */
const name = Number(process.versions.node.split(".")[0]) < 22 ? "mastra-node20" : "mastra";
const examples = fileURLToPath(new URL("../../examples/hosts", import.meta.url));
const folder = `${examples}/${name}`;
await install(folder);
const { mastraAgent } = (await import(`${folder}/agent.ts`)) as { mastraAgent: StartAgent };

// Sessions show who shares a client; the newer protocol has none.
for (const server of ["v1-sessions", "v2-express"] as const)
  describeAgent(`Mastra, ${name}, and a server ${server}`, {
    start: mastraAgent,
    server,
    saidWithoutSignal: /has to give consent for \\+"contacts/,
  });

it("is an example whose types are right", async () => {
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  const { stdout } = await run(process.execPath, [tsc, "-p", `${folder}/tsconfig.json`]).catch(
    (failed: { stdout: string }) => failed,
  );
  expect(stdout).toBe("");
}, 60_000);

it("is what the guide shows of its newest release", () => {
  const flat = (text: string): string => text.replaceAll(/\s+/g, " ").trim();
  const guide = readFileSync(fileURLToPath(new URL("../../docs/guides/hosts.md", import.meta.url)), "utf8");
  const [, shown = "nothing"] = /```typescript\n([\s\S]*?)```/.exec(guide) ?? [];
  expect(flat(readFileSync(`${examples}/mastra/agent.ts`, "utf8"))).toContain(flat(shown));
});

async function install(cwd: string): Promise<void> {
  const lock = createHash("sha256")
    .update(readFileSync(`${cwd}/package-lock.json`))
    .digest("hex");
  const stamp = `${cwd}/node_modules/.installed-lock`;
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  await run("npm", ["ci", "--ignore-scripts", "--omit=optional", "--prefer-offline"], { cwd });
  writeFileSync(stamp, lock);
}
