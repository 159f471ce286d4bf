/**
 * `npm run demo -- --once --elicitation`: an MCP server that needs a sign-in somewhere else. It calls an issue
 * tracker for each person, and until that person has connected an account there it answers with a URL
 * (`input_required`, MCP 2026-07-28). The agent makes a card of it, the card leads to a page of the sign-in service,
 * the page to the tracker at a click, and the question is asked again.
 *
 * `--break=link-on-the-card` takes the page away: then whoever gets the link connects an account of theirs.
 */
import { judged } from "./checks.js";
import type { ElicitationBreak } from "./elicitation/breaks.js";
import { elicitationProcess, startElicitationSetting } from "./elicitation/setting.js";
import { tell } from "./elicitation/story.js";
import { startProcesses } from "./processes.js";

/** Returns whether each person's issues came from an account that this person connected. */
export function onceWithElicitation(broken?: ElicitationBreak): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startElicitationSetting();
    try {
      const processes = await startProcesses([elicitationProcess(setting, broken)]);
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
