import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keptInstall } from "../../support/kept-install.js";
import { playAgent } from "../reader/world.js";

/** The packages with a binary for this machine, if npm has one. */
const binaries = {
  bun: ["@oven/bun-linux-x64-baseline", "@oven/bun-linux-aarch64", "@oven/bun-darwin-aarch64"].map((name) =>
    join(name, "bin/bun"),
  ),
  deno: ["@deno/linux-x64-glibc", "@deno/linux-arm64-glibc", "@deno/darwin-arm64"].map((name) =>
    join(name, "deno"),
  ),
} as const;

/** Plays the agent of the page in this folder with each runtime beside Node. */
export async function playRuntimes(folder: string): Promise<string> {
  const modules = join(await keptInstall(fileURLToPath(new URL(".", import.meta.url))), "node_modules");
  const binary = (name: keyof typeof binaries): string | undefined =>
    binaries[name].map((path) => join(modules, path)).find((path) => existsSync(path));
  const deno = ["serve", "--allow-all", "--node-modules-dir=manual", "--port", "PORT", "agent.ts"];
  const wrangler = [join(modules, "wrangler/bin/wrangler.js"), "dev", "--ip", "127.0.0.1", "--port", "PORT"];
  const runtimes = [
    { name: "Bun", program: binary("bun"), args: ["agent.ts"] },
    { name: "Deno", program: binary("deno"), args: deno },
    { name: "Workers", program: process.execPath, args: wrangler, settingsFile: ".dev.vars" },
  ];
  const played: string[] = [];
  for (const { name, program, ...start } of runtimes) {
    if (program === undefined) {
      played.push(`${name} has no binary for this machine`);
      continue;
    }
    await playAgent({ program, folder, ...start }).catch((cause: unknown) => {
      throw new Error(`${name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    });
    played.push(`${name}: consent, then Ada's data`);
  }
  return played.join("; ");
}
