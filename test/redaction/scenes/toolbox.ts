import { judged } from "../../../examples/chat/checks.js";
import { startProcesses } from "../../../examples/chat/processes.js";
import { startToolboxSetting } from "../../../examples/chat/toolbox/setting.js";
import { tell } from "../../../examples/chat/toolbox/story.js";
import { scriptedModel } from "../../support/scripted-model.js";
import { shown } from "../recorder.js";
import { noteEntra, noteFoundry } from "./emulators.js";

/** `npm run demo -- --once --toolbox`, with a model that can be looked at: the script of the demo asks none. */
export function playToolbox(): Promise<boolean> {
  return judged(async (check) => {
    const setting = await startToolboxSetting();
    const model = await scriptedModel([
      { tool: "contacts_whoami" },
      { text: ({ toolOutputs }) => toolOutputs.join() },
    ]);
    try {
      const { foundry, entra, port } = setting;
      const env = {
        ...foundry.env,
        PORT: String(port),
        TOOLBOX_NAME: "people",
        MODEL_DEPLOYMENT_NAME: "scripted",
        OPENAI_BASE_URL: model.baseUrl,
      };
      const file = new URL("../../../examples/foundry-agent/main.ts", import.meta.url);
      const processes = await startProcesses([{ name: "agent", file, env }]);
      try {
        await tell({ setting, check });
        check(model.requests.length > 20, "the model was asked");
        for (const { raw } of model.requests) shown("model input", raw, "toolbox");
        noteEntra(entra, "toolbox");
        noteFoundry(foundry, "toolbox");
      } finally {
        await processes.kill();
      }
    } finally {
      await model.close();
      await setting.close();
    }
  });
}
