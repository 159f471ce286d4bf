import { ManagedIdentityCredential } from "@azure/identity";
import { entraApp, federatedCredential, userTokenVerifier } from "hosted-agent-identity";
import { remoteSignIn } from "hosted-agent-identity/sign-in";
import type { AgentSignIn } from "./agent.js";
import { cloud, contactsResource, env } from "../env.js";

/** The sign-in service keeps the grants. This process has no key and no secret, only an identity of its own. */
export function signInAtService(): AgentSignIn {
  const identity = new ManagedIdentityCredential();
  const signIn = remoteSignIn({ url: env("SIGN_IN_URL"), credential: identity, scope: env("SIGN_IN_SCOPE") });
  // For the requests that do bring a user token: it is verified here, and exchanged nowhere.
  const app = entraApp({
    tenantId: env("AZURE_TENANT_ID"),
    clientId: env("SIGN_IN_CLIENT_ID"),
    credential: federatedCredential(identity),
    cloud: cloud(),
  });
  return { resource: contactsResource(), signIn, verify: userTokenVerifier({ app }) };
}
