import { isDeepStrictEqual } from "node:util";
import { rows, type Row } from "../contract/rows.js";
import { knownDifferences } from "../contract/known-differences.js";
import type { Counterpart, CounterpartWorld } from "../counterpart.js";
import { startServer } from "../programs.js";
import { startAgentWorld } from "../world/agent-world.js";

/**
 * Microsoft's host beside ours, with the same requests. A row that differs needs a reason in the list of known
 * differences, and one in the list that no longer differs has to leave it.
 */
export const responseHost: Counterpart = {
  name: "response-host",
  timeoutMs: 600_000,
  async run(world) {
    const { url, headers } = await startAgentWorld(world);
    const theirs = await startServer(world, "foundry", "response_host", {}, "/readiness");
    for (const row of rows) {
      const [seen, expected] = await Promise.all([
        observed(() => row.observe({ url, headers })),
        observed(() => row.observe({ url: theirs.url, headers: {} })),
      ]);
      compare(world, row, seen, expected);
    }
    for (const name of Object.keys(knownDifferences))
      if (!rows.some((row) => row.name === name)) world.checks.add(name, "a known difference of no row");
    return theirs.versions;
  },
};

function compare({ checks }: CounterpartWorld, { name, atLeast }: Row, ours: unknown, theirs: unknown): void {
  const reason = knownDifferences[name];
  const isSame =
    atLeast === true && Array.isArray(ours) && Array.isArray(theirs)
      ? theirs.every((each) => ours.includes(each))
      : isDeepStrictEqual(ours, theirs);
  checks.note(`${isSame ? "held   " : "differs"}  ${name}${reason === undefined ? "" : `: ${reason}`}`);
  if (isSame && reason !== undefined)
    checks.add(name, "no longer differs: take it off the list of known differences");
  else if (!isSame && reason === undefined)
    checks.add(name, `ours   ${JSON.stringify(ours)}\ntheirs ${JSON.stringify(theirs)}`);
  else checks.add(name);
}

/** What cannot be looked at is different from whatever can. */
function observed(look: () => Promise<unknown>): Promise<unknown> {
  return look().catch((error: unknown) => ({ failed: String(error) }));
}
