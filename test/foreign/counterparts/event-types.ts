import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Counterpart } from "../counterpart.js";
import { literalTypesOf } from "../literal-types.js";

const ours = fileURLToPath(new URL("../../../src/foundry/event-types.ts", import.meta.url));

/** The names of the protocol's events: ours are a copy, so that no types of the openai package are needed. */
export const eventTypes: Counterpart = {
  name: "event-types",
  timeoutMs: 180_000,
  async run({ checks, environments }) {
    const { folder } = await environments.npm();
    const openai = `${folder}/node_modules/openai`;
    const declared = readFileSync(`${openai}/resources/responses/responses.d.ts`, "utf8");
    const theirs = literalTypesOf(declared, "ResponseStreamEvent");
    await checks.check("the union of the openai package can be read", () => {
      // A release that declares it in another way must not pass as one without events.
      if (theirs.length < 50) throw new Error(`only ${theirs.length} types were found`);
    });
    const known = await ourTypes();
    const missing = theirs.filter((type) => !known.includes(type));
    const extra = known.filter((type) => !theirs.includes(type));
    checks.add("no event of theirs is missing in ours", missing.join(", ") || undefined);
    checks.add("no event of ours is missing in theirs", extra.join(", ") || undefined);
    const { version } = JSON.parse(readFileSync(`${openai}/package.json`, "utf8")) as { version: string };
    return `openai ${version}, ${theirs.length} types`;
  },
};

/** `error` is an event of the stream too, and stands beside the list. */
async function ourTypes(): Promise<readonly string[]> {
  if (!existsSync(ours))
    throw new Error("src/foundry/event-types.ts, with responseEventTypes, does not exist");
  const { responseEventTypes } = (await import(ours)) as { responseEventTypes: readonly string[] };
  return [...new Set([...responseEventTypes, "error"])];
}
