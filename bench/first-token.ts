import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { authority } from "./network.js";
import { agentApp, claimsOf, person, scope, tenant } from "./people.js";
import { interleaved, medians, timesMore } from "./statistics.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const run = promisify(execFile);
const rounds = 7;

/** Milliseconds of the clock and of the processor. */
interface Taken {
  readonly wall: number;
  readonly cpu: number;
}

/** How long a new process takes from the import to the first token, at an endpoint that answers at once. */
export async function firstToken(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const user = person(1);
  const claims = claimsOf(user.assertion);
  const said = { origin: endpoint.origin, authority, tenant, clientId: agentApp, scope, claims, ...user };
  const time = async (name: string, how: object = {}): Promise<Taken> => {
    const file = fileURLToPath(new URL(`first-token/${name}.js`, import.meta.url));
    const { stdout } = await run(process.execPath, [file, JSON.stringify({ ...said, ...how })]);
    return JSON.parse(stdout) as Taken;
  };
  const cpu: Record<"ours" | "msalNode" | "azureIdentity", number[]> = {
    ours: [],
    msalNode: [],
    azureIdentity: [],
  };
  const noted = async (subject: keyof typeof cpu, name: string): Promise<number> => {
    const taken = await time(name);
    cpu[subject].push(taken.cpu);
    return taken.wall;
  };
  const taken = await interleaved(rounds, {
    ours: () => noted("ours", "ours"),
    msalNode: () => noted("msalNode", "msal-node"),
    azureIdentity: () => noted("azureIdentity", "identity"),
    idle: async () => (await time("ours", { idleMs: 400 })).wall,
    idleInVain: async () => (await time("ours", { idleMs: 400, preload: false })).wall,
  });
  await endpoint.close();
  return [
    {
      what: "cold start: import and first token of a new process",
      unit: "ms",
      budget: 500,
      ...medians({ ours: taken.ours, msalNode: taken.msalNode, azureIdentity: taken.azureIdentity }),
      note: "with an exchange at an endpoint on loopback that answers at once; ours loads msal-node then.",
    },
    {
      what: "cold start: import and first token, cpu over msal-node",
      unit: "times",
      budget: 0.9,
      ours: timesMore(cpu.ours, cpu.msalNode),
      azureIdentity: timesMore(cpu.azureIdentity, cpu.msalNode),
    },
    {
      what: "first token 400 ms after entraApp(), over import and first token of msal-node",
      unit: "times",
      budget: 0.25,
      ours: timesMore(taken.idle, taken.msalNode),
      note: "without app.ready(): modules load by themselves meanwhile.",
    },
    {
      what: "first token 400 ms after entraApp(), over one whose modules load then",
      unit: "times",
      budget: 0.5,
      ours: timesMore(taken.idle, taken.idleInVain),
    },
  ];
}
