import { clientSecret, entraApp, userTokenVerifier } from "hosted-agent-identity";
import { createSignIn, redisStore, sqliteStore, type SignInOptions } from "hosted-agent-identity/sign-in";
import type { AgentSignIn } from "./agent.js";
import { redisClient } from "../../sign-in-service/redis-client.ts";
import { cloud, contactsResource, env } from "../env.js";

/** The agent keeps grants itself, in a file or, on a Node without SQLite, in Redis; and it serves the pages. */
export function signInAlone(): AgentSignIn {
  const path = process.env["SIGN_IN_FILE"];
  const store = path === undefined ? redisStore(redisClient()) : sqliteStore({ path });
  const own = ownSignIn({ store });
  return { ...own, pages: own.signIn.handler };
}

/**
 * The agent keeps grants itself, in a Redis that its replicas and the process with the pages use too. Its links
 * are signed with a key of its own, which the pages know it by.
 */
export function signInWithRedis(options: Pick<SignInOptions, "now"> = {}) {
  return ownSignIn({
    store: redisStore(redisClient()),
    signingKey: env("APP_SIGNING_KEY"),
    ...options,
  });
}

function ownSignIn(options: Pick<SignInOptions, "store" | "signingKey" | "now">) {
  const app = entraApp({
    tenantId: env("AZURE_TENANT_ID"),
    clientId: env("SIGN_IN_CLIENT_ID"),
    credential: clientSecret(env("SIGN_IN_CLIENT_SECRET")),
    cloud: cloud(),
  });
  const resource = contactsResource();
  const signIn = createSignIn({
    app,
    agentName: env("APP_NAME"),
    publicUrl: env("PUBLIC_URL"),
    resources: [resource],
    encryptionKeys: env("SIGN_IN_KEYS").split(","),
    ...options,
  });
  return { resource, signIn, verify: userTokenVerifier({ app }) };
}
