/**
 * `npm run demo -- --once --no-user-token`: a person whose requests bring no token at all, as from the Foundry
 * portal: only the platform's user id. The call is refused with a consent item, the person signs in, types the
 * code of the page into the chat, confirms the account, and the first question is answered as that person.
 * Somebody else who types the same code gets nothing. Then every process is killed and started again.
 *
 * `--redis`, `--cluster` and `--remote` run the same story with the sign-in pages in a process of their own: shapes.ts.
 */
import { judged, type Check } from "./checks.js";
import { createPerson } from "./no-user-token/person.js";
import { startProcesses } from "./processes.js";
import { shapes, type ShapeName } from "./no-user-token/shapes.js";
import { startSetting, type Shape } from "./no-user-token/setting.js";
import { tell } from "./no-user-token/story.js";

/** Returns whether everything was seen as the person it was made for. */
export function onceWithoutUserToken(name: ShapeName): Promise<boolean> {
  return judged((check) => play(shapes[name], check));
}

async function play(shape: Shape, check: Check): Promise<void> {
  const setting = await startSetting(shape, ({ call, oid, name }) => {
    if (call.startsWith("tools/call")) console.log(`  [MCP server] ${call}: oid ${oid} (${name})`);
  });
  try {
    const processes = await startProcesses(shape.processes(setting));
    try {
      console.log(`\n${shape.what}`);
      if (shape.store === "file" && setting.storeFile === undefined)
        console.log(
          `In Redis, because Node ${process.versions.node} has no SQLite; from 22.13 on it is a file.`,
        );
      await tell({ setting, processes, person: createPerson(setting), check });
    } finally {
      await processes.kill();
    }
  } finally {
    await setting.close();
  }
}
