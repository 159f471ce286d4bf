/**
 * `npm run demo -- --once --two-hops`: an agent, an MCP server, and an API behind it, in three processes. The server
 * asks for the consent that the API needs before its tool runs, with a page of its own sign-in (`input_required`, MCP
 * 2026-07-28). The agent makes a card of it, and the API sees the person.
 *
 * `--break=shared-second-hop` is the mistake of a token in a variable, one hop further on: one person's mail is
 * another's.
 */
import { judged } from "./checks.js";
import { startProcesses } from "./processes.js";
import type { TwoHopsBreak } from "./two-hops/breaks.js";
import { startTwoHopsSetting, twoHopsProcesses } from "./two-hops/setting.js";
import { tell } from "./two-hops/story.js";

/** Returns whether the API saw each person, in their own calls and in nobody else's. */
export function onceWithTwoHops(broken?: TwoHopsBreak): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startTwoHopsSetting();
    try {
      const processes = await startProcesses(twoHopsProcesses(setting, broken));
      try {
        await tell({ setting, check });
      } finally {
        await processes.kill();
      }
    } finally {
      await setting.close();
    }
  });
}
