import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";
import { mutants } from "./list.js";

/** Takes out the guard that the environment variable MUTANT names, while the tests load the source. */
export function mutantPlugin(): Plugin | undefined {
  const mutant = mutants.find(({ name }) => name === process.env["MUTANT"]);
  if (mutant === undefined) return undefined;
  const target = fileURLToPath(new URL(`../../${mutant.file}`, import.meta.url));
  return {
    name: "mutant",
    enforce: "pre",
    transform(code, id) {
      return id.split("?")[0] === target ? code.replace(mutant.find, () => mutant.replace) : undefined;
    },
  };
}
