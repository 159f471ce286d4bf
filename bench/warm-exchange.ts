import { onBehalfOf, type UserContext } from "hosted-agent-identity";
import { cpuOf } from "./cpu.js";
import { networkTo } from "./network.js";
import { access, app, call } from "./ours.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { agentApp, contextOf, people, scope, tenant, type Person } from "./people.js";
import { median, timesMore, timesMoreWithin } from "./statistics.js";
import type { Row } from "./table.js";
import { withEndpoint } from "./endpoint-process.js";

const rounds = 25;
const each = 20;
const warmUps = 400;
/** What has been reached, with a private client of MSAL for each exchange. */
const budget = 1.15;

/** The first call of each new user in a process that has exchanged before: the CPU of all but the token endpoint. */
export async function warmExchange(): Promise<readonly Row[]> {
  return withEndpoint(async (origin) => {
    const network = networkTo(origin);
    const contacts = access(onBehalfOf(app(network)));
    let next = 0;
    const newcomers = (): readonly Person[] => people(each, (next += each));
    const floor = async ({ assertion }: Person): Promise<unknown> => {
      const response = await network.fetch(`https://login.microsoftonline.com/${tenant}/oauth2/v2.0/token`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: formOf(assertion),
      });
      return response.json();
    };
    const subjects = {
      ours: async () => {
        const contexts = newcomers().map(contextOf);
        return cpuOf(each, (number) => call(contacts, contexts[number] as UserContext));
      },
      msalNode: async () => {
        const some = newcomers();
        // A new client: msal-node takes longer for each call, the more users it has.
        const client = msalClient(network);
        return cpuOf(each, (number) => msalToken(client, some[number] as Person));
      },
      floor: async () => {
        const some = newcomers();
        return cpuOf(each, (number) => floor(some[number] as Person));
      },
    };
    for (let done = 0; done < warmUps; done += each) for (const one of Object.values(subjects)) await one();
    const floors: number[] = [];
    const { times, taken } = await timesMoreWithin(budget, rounds, ["ours", "msalNode"], {
      ...subjects,
      msalNode: async () => {
        floors.push(await subjects.floor());
        return subjects.msalNode();
      },
    });
    return [
      {
        what: "cpu of a warm exchange, secret, over msal-node",
        unit: "times",
        budget,
        goal: 0.75,
        ours: times,
        note: `${ms(taken.ours)} of CPU, msal-node ${ms(taken.msalNode)}; a bare fetch with the same form ${ms(floors)}, of which we take ${timesMore(taken.ours, floors).toPrecision(3)} times.`,
      },
    ];
  });
}

function ms(taken: readonly number[]): string {
  return `${median(taken).toPrecision(3)} ms`;
}

function formOf(assertion: string): string {
  return new URLSearchParams({
    client_id: agentApp,
    client_secret: "bench-secret",
    assertion,
    grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
    requested_token_use: "on_behalf_of",
    scope: `${scope} openid profile offline_access`,
  }).toString();
}
