import type { Plugin } from "vitest/config";
import type { Anchor } from "./anchor.js";

/** Takes out the guard that `current` names, while the tests load the source. */
export function mutantPlugin(current: () => Anchor | undefined): Plugin {
  return {
    name: "mutant",
    enforce: "pre",
    transform(_code, id) {
      const anchor = current();
      return anchor !== undefined && id.split("?")[0] === anchor.path ? anchor.patched : undefined;
    },
  };
}

/** One counterexample kills a mutant. The search for the smallest one would take seconds. */
export function firstCounterexamplePlugin(): Plugin {
  return {
    name: "first-counterexample",
    enforce: "pre",
    transform(code, id) {
      if (!id.endsWith(".test.ts") || !code.includes('from "fast-check"')) return undefined;
      return `import { configureGlobal as $configure } from "fast-check"; $configure({ endOnFailure: true }); ${code}`;
    },
  };
}
