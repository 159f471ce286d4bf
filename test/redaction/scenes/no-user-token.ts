import { readFileSync } from "node:fs";
import { judged } from "../../../examples/chat/checks.js";
import { createPerson } from "../../../examples/chat/no-user-token/person.js";
import { startSetting } from "../../../examples/chat/no-user-token/setting.js";
import { shapes, type ShapeName } from "../../../examples/chat/no-user-token/shapes.js";
import { tell } from "../../../examples/chat/no-user-token/story.js";
import { startProcesses, type Processes } from "../../../examples/chat/processes.js";
import { secret, shown } from "../recorder.js";
import { noteEntra } from "./emulators.js";
import { dumpRedis, watchRedis } from "./redis.js";

const untouched: Processes = { names: ["nothing"], kill: async () => {}, start: async () => {} };

/** `npm run demo -- --once --no-user-token`, `--redis`, `--remote` */
export function playNoUserToken(name: ShapeName): Promise<boolean> {
  return judged(async (check) => {
    const shape = shapes[name];
    const setting = await startSetting(shape);
    const unwatch = setting.redis === undefined ? undefined : watchRedis(setting.redis.url, name);
    secret({ kind: "client secret", value: setting.clientSecret });
    secret({ kind: "sealing key", value: setting.sealingKey });
    secret({ kind: "signing key", value: setting.signing.privateKey });
    try {
      const processes = await startProcesses(shape.processes(setting));
      try {
        const person = createPerson(setting);
        // One of them is killed and started again, once: that takes its time.
        const acted = name === "redis" ? processes : untouched;
        await tell({ setting: { ...setting, redis: undefined }, processes: acted, person, check });
        noteEntra(setting.entra, name);
        if (setting.redis !== undefined) await dumpRedis(setting.redis.url, name);
        // SQLite has the newest records in its log.
        for (const part of setting.storeFile === undefined ? [] : ["", "-wal"])
          shown("file store", readFileSync(`${setting.storeFile}${part}`, "latin1"), name);
      } finally {
        await processes.kill();
      }
    } finally {
      unwatch?.();
      await setting.close();
    }
  });
}
