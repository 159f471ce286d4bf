import { onBehalfOf } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { access, app, call } from "./ours.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { contextOf, people, person, type Person } from "./people.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const troubles: readonly { what: string; status: number; headers: Readonly<Record<string, string>> }[] = [
  { what: "429 with Retry-After", status: 429, headers: { "retry-after": "60" } },
  { what: "503", status: 503, headers: {} },
];

/** How many other users get no token after Entra has refused one user for a while. */
export async function throttledNeighbour(): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const { what, status, headers } of troubles) {
    const endpoint = await tokenEndpoint();
    const network = networkTo(endpoint.origin);
    const troubled = person(0);
    const others = people(50, 1);
    endpoint.refuse(troubled.oid, status, headers);
    const refused = async (token: (user: Person) => Promise<unknown>): Promise<number> => {
      if (await answers(token, troubled)) throw new Error("the troubled user got a token");
      let count = 0;
      for (const user of others) if (!(await answers(token, user))) count += 1;
      return count;
    };

    const contacts = access(onBehalfOf(app(network)));
    const ours = await refused((user) => call(contacts, contextOf(user)));
    const client = msalClient(network);
    const msalNode = await refused((user) => msalToken(client, user));
    const azureIdentity = await refused((user) => identityToken(identityCredential(network, user)));
    await endpoint.close();
    rows.push({
      what: `one user's ${what}: others refused`,
      unit: `of ${others.length}`,
      budget: 0,
      ours,
      msalNode,
      azureIdentity,
    });
  }
  return rows;
}

function answers(token: (user: Person) => Promise<unknown>, user: Person): Promise<boolean> {
  return token(user).then(
    () => true,
    () => false,
  );
}
