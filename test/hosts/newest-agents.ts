import { copyFileSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { describeAgent, type StartAgent } from "./agent-scenarios.js";
import { install, typeFaults } from "./install.js";

const examples = fileURLToPath(new URL("../../examples/hosts", import.meta.url));

/** Runs the examples with what the lockfile in a folder names. They are copied there: packages are looked for from where a file lies. */
export async function describeNewest(folder: string): Promise<void> {
  await install(folder);
  mkdirSync(`${folder}/copied`, { recursive: true });
  for (const name of ["ai-sdk.ts", "langchain.ts"])
    copyFileSync(`${examples}/${name}`, `${folder}/copied/${name}`);

  it("have the types that the examples expect", async () => {
    expect(await typeFaults(folder)).toBe("");
  }, 60_000);

  const { aiSdkAgent } = (await import(`${folder}/copied/ai-sdk.ts`)) as { aiSdkAgent: StartAgent };
  describeAgent("the newest Vercel AI SDK", {
    start: aiSdkAgent,
    server: "v1-sessions",
    showsTools: true,
    saidWithoutSignal: /The user has to give consent for/,
  });

  const { langChainAgent } = (await import(`${folder}/copied/langchain.ts`)) as {
    langChainAgent: StartAgent;
  };
  describeAgent("LangChain with its newest provider", {
    start: langChainAgent,
    server: "v1-sessions",
    saidWithoutSignal: /ToolException: Error calling tool .*delete_contact: ConsentRequiredError/,
  });
}
