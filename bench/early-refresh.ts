import { setImmediate } from "node:timers/promises";
import { clientSecret, entraApp, onBehalfOf, userAccess } from "hosted-agent-identity";
import { call, noTransport, resource } from "./ours.js";
import { agentApp, claimsOf, contextOf, people, tenant } from "./people.js";
import type { Row } from "./table.js";
import { tokens } from "./token-endpoint.js";

const users = 200;
const lifeMs = 3_600_000;
/** The virtual clock moves on by so much, and then everybody calls. */
const stepMs = 10_000;
/** Steps until Entra answers. */
const late = 3;
/** A token is not sent in the last half minute of its life, nor is the user token that it is exchanged for. */
const steps = (lifeMs - 60_000) / stepMs;

/**
 * Callers that wait for Entra while their old token is still good. The clock is virtual and passes a whole life but its
 * last minute; somewhere after 80 % of it Entra is asked for a new token, and answers half a minute later.
 */
export async function earlyRefresh(): Promise<readonly Row[]> {
  let time = Date.now();
  const now = (): number => time;
  const held: (() => void)[][] = [[]];
  let isLate = false;
  let posts = 0;
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("bench-secret"),
    now,
    async fetch(_input, init) {
      posts += 1;
      if (isLate) await new Promise<void>((resolve) => held.at(-1)?.push(resolve));
      const form = new URLSearchParams(String(init?.body));
      const { oid, tid } = claimsOf(form.get("assertion") ?? "");
      return Response.json(tokens(String(oid), String(tid), form));
    },
  });
  const contacts = userAccess(resource, [onBehalfOf(app)], { fetch: noTransport, now });
  const everybody = people(users).map(contextOf);
  for (const context of everybody) await call(contacts, context);
  if (posts !== users) throw new Error(`${posts} exchanges for ${users} persons`);
  isLate = true;
  let waited = 0;
  for (let step = 0; step < steps; step += 1) {
    time += stepMs;
    for (const context of everybody) if (!(await isAnsweredAtOnce(call(contacts, context)))) waited += 1;
    held.push([]);
    for (const answer of held.at(-1 - late)?.splice(0) ?? []) answer();
    await setImmediate();
  }
  const refreshes = posts - users;
  for (const answer of held.flat()) answer();
  await contacts.close();
  await app.close();
  if (refreshes < users)
    throw new Error(`${refreshes} refreshes for ${users} persons: the row proves nothing`);
  return [
    {
      what: `callers who wait when a token passes 80 % of its life, ${users} users`,
      unit: "callers",
      budget: 0,
      ours: waited,
      note: `of ${users * steps} calls over a life of the token; Entra was asked ${refreshes} times meanwhile and answered half a minute later each time.`,
    },
  ];
}

/** Whether a call is answered without a turn of the event loop, in which alone an answer of Entra could come. */
async function isAnsweredAtOnce(called: Promise<unknown>): Promise<boolean> {
  return Promise.race([called.then(() => true), setImmediate(false)]);
}
