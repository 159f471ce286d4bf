import { fileURLToPath } from "node:url";
import type { Plugin } from "vitest/config";
import type { Mutant } from "./mutant.js";

/** Takes out the guard that `current` names, while the tests load the source. */
export function mutantPlugin(current: () => Mutant | undefined): Plugin {
  return {
    name: "mutant",
    enforce: "pre",
    transform(code, id) {
      const mutant = current();
      if (mutant === undefined || id.split("?")[0] !== sourceOf(mutant)) return undefined;
      return code.replace(mutant.find, () => mutant.replace);
    },
  };
}

/** The file that a mutant changes. */
export function sourceOf({ file }: Mutant): string {
  return fileURLToPath(new URL(`../../${file}`, import.meta.url));
}
