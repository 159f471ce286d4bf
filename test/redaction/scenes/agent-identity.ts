import { judged } from "../../../examples/chat/checks.js";
import { agentIdentityProcess } from "../../../examples/chat/agent-identity.js";
import { startAgentIdentitySetting } from "../../../examples/chat/agent-identity/setting.js";
import { tell } from "../../../examples/chat/agent-identity/story.js";
import { startProcesses } from "../../../examples/chat/processes.js";
import { noteEntra } from "./emulators.js";

/** `npm run demo -- --once --agent-identity` */
export function playAgentIdentity(): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startAgentIdentitySetting();
    try {
      const processes = await startProcesses([agentIdentityProcess(setting)]);
      try {
        await tell({ setting, check });
        noteEntra(setting.entra, "agent identity");
      } finally {
        await processes.kill();
      }
    } finally {
      await setting.close();
    }
  });
}
