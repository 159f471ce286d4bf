/**
 * The demo: `npm run demo` starts everything and prints where the page is; `npm run demo -- --once` does the
 * same without a browser, for both accounts, and exits 1 if anything was seen as somebody else.
 */
import { parseArgs } from "node:util";
import { breaks, isBreak } from "./breaks.js";
import { onceWithoutUserToken } from "./no-user-token.js";
import { once } from "./once.js";
import { startWorld } from "./world.js";

const { values } = parseArgs({
  options: {
    once: { type: "boolean" },
    break: { type: "string" },
    port: { type: "string" },
    "no-user-token": { type: "boolean" },
  },
});
const broken = values.break;
if (broken !== undefined && !(values.once === true && isBreak(broken))) {
  console.error(`--break goes with --once and takes one of: ${Object.keys(breaks).join(", ")}`);
  process.exit(2);
}

if (values["no-user-token"] === true) {
  if (values.once !== true) {
    console.error("--no-user-token goes with --once.");
    process.exit(2);
  }
  process.exit((await onceWithoutUserToken()) ? 0 : 1);
}

const world = await startWorld({
  port: Number(values.port ?? (values.once === true ? 0 : 3000)),
  broken: broken as keyof typeof breaks | undefined,
});

if (values.once === true) {
  const good = await once(world, { decline: broken === "decline-consent" });
  await world.close();
  process.exitCode = good ? 0 : 1;
} else {
  console.log(`The demo is at ${world.origin}. Stop it with Ctrl+C.`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void world.close().then(() => process.exit(0)));
  }
}
