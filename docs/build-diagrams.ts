/** `npm run docs:diagrams`: draws the diagrams of `docs/diagrams` from their sources beside them. A test compares. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { oneCall } from "./diagrams/one-call.js";
import { drawSequence } from "./diagrams/sequence.js";

/** The diagrams by their files, from the root of the repository. */
export function diagrams(): ReadonlyMap<string, string> {
  return new Map([["docs/diagrams/one-call.svg", drawSequence(oneCall)]]);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  for (const [file, svg] of diagrams()) writeFileSync(new URL(`../${file}`, import.meta.url), svg);
