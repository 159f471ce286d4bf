import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeAgent, type StartAgent } from "./agent-scenarios.js";
import { install, typeFaults } from "./install.js";

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
  expect(await typeFaults(folder)).toBe("");
}, 60_000);

it("is what the guide shows of its newest release", () => {
  const flat = (text: string): string => text.replaceAll(/\s+/g, " ").trim();
  const guide = readFileSync(fileURLToPath(new URL("../../docs/guides/hosts.md", import.meta.url)), "utf8");
  const [, shown = "nothing"] = /```typescript\n([\s\S]*?)```/.exec(guide) ?? [];
  expect(flat(readFileSync(`${examples}/mastra/agent.ts`, "utf8"))).toContain(flat(shown));
});
