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

/** How long a new process takes from the import to the first token, at an endpoint that answers at once. */
export async function firstToken(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const user = person(1);
  const claims = claimsOf(user.assertion);
  const said = { origin: endpoint.origin, authority, tenant, clientId: agentApp, scope, claims, ...user };
  const time = async (name: string): Promise<number> => {
    const file = fileURLToPath(new URL(`first-token/${name}.js`, import.meta.url));
    const { stdout } = await run(process.execPath, [file, JSON.stringify(said)]);
    return Number(stdout);
  };
  const taken = await interleaved(rounds, {
    ours: () => time("ours"),
    msalNode: () => time("msal-node"),
    azureIdentity: () => time("identity"),
  });
  await endpoint.close();
  return [
    {
      what: "cold start: import and first token of a new process",
      unit: "ms",
      budget: 500,
      ...medians(taken),
      note: "with an exchange at an endpoint on loopback that answers at once; ours loads msal-node then.",
    },
    {
      what: "cold start: import and first token, over msal-node",
      unit: "times",
      budget: 1.75,
      ours: timesMore(taken.ours, taken.msalNode),
    },
  ];
}
