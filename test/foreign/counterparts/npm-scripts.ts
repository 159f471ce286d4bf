import { fileURLToPath } from "node:url";
import type { Counterpart } from "../counterpart.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Suites of their own, which run by themselves too: one check each, with what they print at their end. */
export const npmScripts: readonly Counterpart[] = [
  script("verify-package", 1_800_000),
  script("conformance", 900_000),
  script("test:hosts:newest", 900_000),
];

function script(name: string, timeoutMs: number): Counterpart {
  return {
    name,
    timeoutMs,
    async run({ checks, children }) {
      const { code, output } = await children.run({
        program: "npm",
        args: ["run", "--silent", name],
        cwd: root,
      });
      // The end names the failures; what comes before is often a list of what is well.
      checks.add(`npm run ${name}`, code === 0 ? undefined : `exit code ${code}\n${output.slice(-6_000)}`);
      return output.trim().split("\n").at(-1) ?? "";
    },
  };
}
