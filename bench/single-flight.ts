import { onBehalfOf } from "hosted-agent-identity";
import { networkTo } from "./network.js";
import { access, app, call } from "./ours.js";
import { msalClient, msalToken } from "./peers/msal.js";
import { identityCredential, identityToken } from "./peers/identity.js";
import { contextOf, person } from "./people.js";
import type { Row } from "./table.js";
import { tokenEndpoint } from "./token-endpoint.js";

const calls = 1000;

/** How often Entra is asked when one user's first calls all come at once. */
export async function singleFlight(): Promise<readonly Row[]> {
  const endpoint = await tokenEndpoint();
  const network = networkTo(endpoint.origin);
  const user = person(1);
  const posts = async (one: () => Promise<unknown>): Promise<number> => {
    const before = endpoint.posts();
    await Promise.all(Array.from({ length: calls }, one));
    return endpoint.posts() - before;
  };

  const contacts = access(onBehalfOf(app(network)));
  const context = contextOf(user);
  const ours = await posts(() => call(contacts, context));
  const client = msalClient(network);
  const msalNode = await posts(() => msalToken(client, user));
  const credential = identityCredential(network, user);
  const azureIdentity = await posts(() => identityToken(credential));
  await endpoint.close();
  return [
    {
      what: "1 000 concurrent first calls of one user",
      unit: "POSTs",
      budget: 1,
      ours,
      msalNode,
      azureIdentity,
    },
  ];
}
