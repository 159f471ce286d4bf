/**
 * `npm run demo -- --once --toolbox`: the MCP server is in a toolbox of Foundry, with OAuth identity passthrough.
 * The agent is examples/foundry-agent as it is deployed. Requests come through Foundry's gateway, which takes the
 * callers' tokens off and adds the call id; the agent sends that to the toolbox, and Foundry calls the server as
 * the person it stands for, with a grant that never leaves Foundry.
 */
import { judged } from "./checks.js";
import { startProcesses } from "./processes.js";
import { startToolboxSetting } from "./toolbox/setting.js";
import { tell } from "./toolbox/story.js";

/** Returns whether everything was seen as the person it was made for. */
export function onceWithToolbox(): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startToolboxSetting();
    try {
      const { foundry, port } = setting;
      const agent = {
        name: "agent",
        file: new URL("../foundry-agent/main.ts", import.meta.url),
        env: { ...foundry.env, PORT: String(port), TOOLBOX_NAME: "people", MODEL_DEPLOYMENT_NAME: "" },
      };
      const processes = await startProcesses([agent]);
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
