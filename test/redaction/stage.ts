/**
 * Plays the whole demo in one process (and those it starts), under the recorder. `SCENES` names some of the scenes.
 * Ends with 1 when a scene did not go as it should: nothing would be proven by a demo that shows nothing.
 */
import { playAgentIdentity } from "./scenes/agent-identity.js";
import { playCanaries } from "./scenes/canaries.js";
import { playChatPage } from "./scenes/chat-page.js";
import { playNoUserToken } from "./scenes/no-user-token.js";
import { playOnce } from "./scenes/once.js";
import { playToolbox } from "./scenes/toolbox.js";

const scenes: Readonly<Record<string, () => Promise<boolean>>> = {
  redis: () => playNoUserToken("redis"),
  remote: () => playNoUserToken("remote"),
  toolbox: playToolbox,
  "chat-page": playChatPage,
  once: playOnce,
  "agent-identity": playAgentIdentity,
  "one-process": () => playNoUserToken("one-process"),
  canaries: playCanaries,
};
const wanted = (process.env["SCENES"] ?? Object.keys(scenes).join()).split(",");
const failed: string[] = [];

/** Takes one scene after the other, until there is none left. */
async function play(): Promise<void> {
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    const good = await scenes[name]?.().catch((error: unknown) => void console.error(error));
    if (good !== true) failed.push(name);
  }
}

await Promise.all([play(), play(), play()]);
for (const name of failed) console.log(`SCENE FAILED: ${name}`);
process.exit(failed.length === 0 ? 0 : 1);
