import { once } from "../../../examples/chat/once.js";
import { startWorld } from "../../../examples/chat/world.js";
import { shown } from "../recorder.js";
import { noteEntra } from "./emulators.js";

/** `npm run demo -- --once` */
export async function playOnce(): Promise<boolean> {
  const world = await startWorld({ port: 0 });
  try {
    const good = await once(world, { decline: false });
    noteEntra(world.entra, "once");
    const hops = world.accounts.map(({ oid }) => world.hops.of(oid));
    shown("emulator log", JSON.stringify([hops, world.verified]), "once: hops");
    return good;
  } finally {
    await world.close();
  }
}
