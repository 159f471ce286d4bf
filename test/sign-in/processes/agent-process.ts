/** A process of the agent, with a store that others share: does what its parent asks it to. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createClient } from "redis";
import { clientSecret, entraApp, isHostedAgentIdentityError, userAccess } from "hosted-agent-identity";
import { createSignIn, redisStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import { platformContext } from "../support/contexts.js";
import type { AgentAnswer, AgentStart, AgentTask } from "./messages.js";

const [start] = (await once(process, "message")) as [AgentStart];
let ahead = 0;
const now = (): number => Date.now() + ahead;
const sent: string[] = [];
const received: string[] = [];

/** Notes which refresh tokens go out and come back. */
async function noting(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const out = new URLSearchParams(String(init?.body)).get("refresh_token");
  if (out !== null) sent.push(digest(out));
  const response = await fetch(input, init);
  const body = (await response.clone().json()) as { readonly refresh_token?: string };
  if (body.refresh_token !== undefined) received.push(digest(body.refresh_token));
  return response;
}

function digest(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}

const signIn = createSignIn({
  app: entraApp({
    tenantId: start.tenantId,
    clientId: start.clientId,
    credential: clientSecret("agent-secret"),
    cloud: start.cloud,
    fetch: noting,
    now,
  }),
  agentName: "Contacts agent",
  publicUrl: start.publicUrl,
  resources: start.resources,
  store: redisStore(createClient({ url: start.redisUrl })),
  encryptionKeys: [start.key],
  now,
});
await signIn.ready();

async function redeemed({ user, conversation, texts }: AgentTask & { do: "redeem" }) {
  return Promise.all(texts.map((text) => signIn.redeem(platformContext(user, true, conversation), text)));
}

/** Each caller has an access of its own, so that none is served from its memory. */
async function tokens({ user, resource, callers }: AgentTask & { do: "token" }) {
  const wanted = start.resources.find(({ url }) => url === resource);
  if (wanted === undefined) throw new Error("There is no such resource.");
  return Promise.all(
    Array.from({ length: callers }, async () => {
      try {
        const access = userAccess(wanted, [signIn.tokens()], { now });
        const { token } = await access.token(platformContext(user));
        return { status: String(decodeClaims(token)?.oid) };
      } catch (error) {
        return { status: isHostedAgentIdentityError(error) ? error.code : String(error) };
      }
    }),
  );
}

process.on("message", (task: AgentTask) => {
  void (async () => {
    if (task.do === "token") ahead = task.ahead;
    const done = task.do === "token" ? await tokens(task) : await redeemed(task);
    const results = done.map((result) => ({
      status: result.status,
      ...("triesLeft" in result ? { triesLeft: result.triesLeft } : {}),
      ...("reason" in result ? { reason: result.reason } : {}),
    }));
    const answer: AgentAnswer = { results, sent: sent.splice(0), received: received.splice(0) };
    process.send?.(answer);
  })();
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
