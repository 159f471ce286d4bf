/** A process of an agent. It ends itself, or stands still, at a call of its store that its parent names. */
import { once } from "node:events";
import { createClient } from "redis";
import { clientSecret, entraApp } from "hosted-agent-identity";
import { redisStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../../src/entra/token-claims.js";
import { wrappedStore } from "../../../../src/sign-in/stores/wrapped-store.js";
import { endAt, startAgent } from "../agent.js";
import { contextOf } from "../person.js";
import type { Blow, Report, Start, Task } from "./messages.js";

const [start] = (await once(process, "message")) as [Start];
const report = (message: Report | "ready"): void => void process.send?.(message);
let blow: Blow | undefined;
let callsLeft = 0;

const redis = redisStore(createClient({ url: start.redisUrl }));
const store = wrappedStore(redis, async (name, act) => {
  const due = blow !== undefined && callsLeft-- === 0 ? blow : undefined;
  if (due !== undefined) blow = undefined;
  if (due?.when === "before") process.kill(process.pid, due.signal);
  const done = await act(name);
  if (due?.when === "after") process.kill(process.pid, due.signal);
  return done;
});
const { tenantId, clientId, cloud, resource } = start;
const agent = startAgent({
  world: {
    contacts: resource,
    mail: resource,
    app: (more) => entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud, ...more }),
    signIn: () => Promise.reject(new Error("Nobody signs in here.")),
  },
  store,
  key: Buffer.from(start.key, "base64"),
  now: Date.now,
  fetch,
  toModel: async (user, toModel) => report({ user, toModel }),
  given: (user, token) => report({ user, given: String(decodeClaims(token)?.oid) }),
});
await store.start?.();

process.on("message", ({ id, user, what, blow: next }: Task) => {
  [blow, callsLeft] = [next, next?.call ?? 0];
  const context = contextOf(user);
  void (async () => {
    if ("say" in what) report({ id, told: await agent.say(context, what.say) });
    else if ("open" in what) report({ id, page: await agent.open(what.open, what.arrived) });
    else report({ id, ended: await endAt(agent, context, what.end).catch(() => false) });
    blow = undefined;
  })();
});
process.on("disconnect", () => process.exit(0));
report("ready");
