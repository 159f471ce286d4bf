import type { Row } from "../table.js";
import { hostileSoak } from "./hostile.js";
import { soak } from "./soak.js";

/** What is left of 100 000 people who came through a cache for 10 000 in half an hour. */
export async function soakRows(): Promise<readonly Row[]> {
  const { bytesPerUser, left, ...seen } = await soak({ users: 100_000, entries: 10_000 });
  const traffic = `${seen.turns} turns, ${seen.calls} calls, ${seen.exchanges} exchanges.`;
  const heap = `${traffic} ${seen.heap.map((megabytes) => megabytes.toFixed(1)).join(" ")} MB after every second minute.`;
  const none = { unit: "left", budget: 0 };
  return [
    {
      what: "soak: heap growth for each user who comes to a full cache",
      unit: "bytes",
      budget: 20,
      ours: bytesPerUser,
      note: heap,
    },
    { what: "soak: timers left after close", ...none, ours: left.timers + left.resources },
    {
      what: "soak: listeners left on the process and on a shared signal",
      ...none,
      ours: left.processListeners + left.abortListeners,
    },
    {
      what: "soak: warnings of Node",
      unit: "given",
      budget: 0,
      ours: left.warnings.length,
      ...(left.warnings.length === 0 ? {} : { note: left.warnings.join(", ") }),
    },
  ];
}

/** What a hostile MCP server and a hostile chat user leave behind, and whether others were served meanwhile. */
export async function hostileRows(): Promise<readonly Row[]> {
  const { attacks, bytesPerAttack, records, storeBytes, asked, served } = await hostileSoak({ perRound: 60 });
  return [
    {
      what: "hostile soak: heap growth for each attack",
      unit: "bytes",
      budget: 2_000,
      ours: bytesPerAttack,
      note: `${attacks} requests and messages.`,
    },
    {
      what: "hostile soak: what the sign-in store holds",
      unit: "kB",
      budget: 1_000,
      ours: storeBytes / 1000,
      note: `${records} records.`,
    },
    {
      what: "hostile soak: calls and questions of others that were not answered",
      unit: "of them",
      budget: 0,
      ours: asked - served,
      note: `${asked} were asked.`,
    },
  ];
}
