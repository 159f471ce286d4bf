/**
 * The demo: `npm run demo` starts everything and prints where the page is; `npm run demo -- --once` does the
 * same without a browser, for both accounts, and exits 1 if anything was seen as somebody else. With one of
 * `--no-user-token`, `--toolbox`, `--agent-identity`, `--elicitation` and `--two-hops` it plays another story: see the file of that name.
 */
import { onceWithAgentIdentity } from "./agent-identity.js";
import { onceWithElicitation } from "./elicitation.js";
import { onceWithoutUserToken } from "./no-user-token.js";
import { once } from "./once.js";
import { readSwitches } from "./switches.js";
import { onceWithToolbox } from "./toolbox.js";
import { onceWithTwoHops } from "./two-hops.js";
import { startWorld } from "./world.js";

const switches = readSwitches(process.argv.slice(2));

if (switches.status === "wrong") {
  console.error(switches.problem);
  process.exitCode = 2;
} else if (switches.status === "no-user-token") {
  process.exitCode = (await onceWithoutUserToken(switches.shape)) ? 0 : 1;
} else if (switches.status === "elicitation") {
  process.exitCode = (await onceWithElicitation(switches.broken)) ? 0 : 1;
} else if (switches.status === "two-hops") {
  process.exitCode = (await onceWithTwoHops(switches.broken)) ? 0 : 1;
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
