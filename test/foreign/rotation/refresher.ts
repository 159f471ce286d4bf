/** A process of an agent that refreshes grants. It stops or ends itself at the step that its parent names. */
import { once } from "node:events";
import { createClient } from "redis";
import { isHostedAgentIdentityError } from "hosted-agent-identity";
import { redisStore } from "hosted-agent-identity/sign-in";
import { wrappedStore } from "../../../src/sign-in/stores/wrapped-store.js";
import { refresher, rotatingIssuer } from "../../sign-in/support/rotating.js";
import { digestOf } from "../../support/authorization-server.js";
import type { Answer, Start, Step, Task } from "./messages.js";

const [start] = (await once(process, "message")) as [Start];
let ahead = 0;
const now = (): number => Date.now() + ahead;
let hasAsked = false;
let marks = 0;

/** Ends or stops the process, once. Nothing runs in it after this line until it is continued. */
function at(step: Step): void {
  if (start.fault?.step !== step) return;
  const { signal } = start.fault;
  delete start.fault;
  process.kill(process.pid, signal);
}

const redis = redisStore(createClient({ url: start.redisUrl }));
const store = wrappedStore(redis, async (name, run) => {
  const kind = name.slice(0, name.indexOf(":"));
  if (kind === "claim") {
    marks += 1;
    if (marks === 1) at("before the mark");
  }
  if (kind === "grant" && marks > 0 && !hasAsked) at("between mark and claim");
  const value = await run(name);
  if (value === true && hasAsked) at("written");
  return value;
});

const issuer = rotatingIssuer(start.server, {
  now,
  beforeSend: async () => at("claimed"),
  async fetch(input, init) {
    at("sending");
    hasAsked = true;
    const headers = new Headers(init?.headers);
    headers.set("x-scene", start.scene);
    const response = await fetch(input, { ...init, headers });
    const body = await response.text();
    at("answered");
    return new Response(body, response);
  },
});
const agent = refresher(store, issuer, { key: start.key, now });

process.on("message", (task: Task) => {
  void (async () => {
    ahead = task.ahead;
    const given = await Promise.all(
      Array.from({ length: task.callers }, async () => {
        try {
          const token = await agent.token(task.person);
          return token === undefined ? "signed out" : `token ${digestOf(token)}`;
        } catch (error) {
          return isHostedAgentIdentityError(error) ? error.code : String(error);
        }
      }),
    );
    process.send?.({ id: task.id, given } satisfies Answer);
  })();
});
process.on("disconnect", () => process.exit(0));
await agent.core.store.start?.();
process.send?.("ready");
