/**
 * The demo: `npm run demo` starts everything and prints where the page is; `npm run demo -- --once` does the
 * same without a browser, for both accounts, and exits 1 if anything was seen as somebody else. With one of
 * `--no-user-token`, `--toolbox` and `--agent-identity` it plays another way to a token: see the file of that name.
 */
import { onceWithAgentIdentity } from "./agent-identity.js";
import { onceWithoutUserToken } from "./no-user-token.js";
import { once } from "./once.js";
import { readSwitches } from "./switches.js";
import { onceWithToolbox } from "./toolbox.js";
import { startWorld } from "./world.js";

const switches = readSwitches(process.argv.slice(2));

if (switches.status === "wrong") {
  console.error(switches.problem);
  process.exitCode = 2;
} else if (switches.status === "no-user-token") {
  process.exitCode = (await onceWithoutUserToken(switches.shape)) ? 0 : 1;
} else if (switches.status === "toolbox") {
  process.exitCode = (await onceWithToolbox()) ? 0 : 1;
} else if (switches.status === "agent-identity") {
  process.exitCode = (await onceWithAgentIdentity()) ? 0 : 1;
} else if (switches.status === "once") {
  const { port, broken } = switches;
  const world = await startWorld({ port, broken });
  const good = await once(world, { decline: broken === "decline-consent" });
  await world.close();
  process.exitCode = good ? 0 : 1;
} else {
  const world = await startWorld({ port: switches.port });
  console.log(`The demo is at ${world.origin}. Stop it with Ctrl+C.`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => void world.close().then(() => process.exit(0)));
  }
}
