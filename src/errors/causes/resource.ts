import type { Causes } from "../facts.js";

export const redirectRefusedCauses: Causes<"loop" | "method" | "body"> = {
  loop: {
    when: "the resource redirects again and again",
    help: "No option ends a loop of redirects: look into the server, or the gateway in front of it, for a redirect to itself.",
  },
  method: {
    when: "the redirect is no 307 or 308, so it would change the request",
    help: "Configure the final URL in protectedResource(), or let the server redirect with 307 or 308.",
  },
  body: {
    when: "the body of the request can be read once only",
    help: "Configure the final URL in protectedResource(), or send the body as text or bytes: a stream cannot be sent again.",
  },
};

export const resourceUnauthorizedCauses: Causes<"sdkV1Auth" | "own"> = {
  own: {
    when: "its fresh token was refused as well",
    help: "Read the token with hosted-agent-identity inspect, and compare aud, scp, roles and tid with what the resource accepts. If they fit, it wants the user to be assigned to something.",
  },
  sdkV1Auth: {
    when: "sdkV1Auth() is used, which cannot send a request again",
    help: "Call again for a fresh token; give the transport access.fetch, which retries and follows challenges.",
  },
};

export const insufficientScopeCauses: Causes<
  "otherResource" | "configured" | "unnamed" | "toolbox" | "signInService"
> = {
  otherResource: {
    when: "it names a scope of another resource",
    help: "A scope of another resource cannot be added to this one, and is not asked for at a server's word. Ask whoever runs the server which of its own scopes the call needs; call the other API through a protectedResource() of its own.",
  },
  configured: {
    when: "it names scopes that are configured already, or that the token was got with",
    help: "Read the token with hosted-agent-identity inspect. Where scp lacks the scope, the user or an administrator has to consent to it. Where it has it, the server wants something else: a role, or an assignment.",
  },
  unnamed: {
    when: "it does not say which",
    help: "Look up which scope the call needs in the documentation of the resource, and add it to scopes of protectedResource().",
  },
  toolbox: {
    when: "a Foundry toolbox says so",
    help: "Foundry holds the grant: add the scopes to the tool's connection in the Foundry project, and consent there once more.",
  },
  signInService: {
    when: "an agent asks the sign-in service for scopes that its entry does not have",
    help: "Add the scopes to the resource of the agent's entry in signInApi(), or ask for fewer.",
  },
};

export const toolboxSourceFailedCauses: Causes<"passing"> = {
  passing: {
    when: "each source failed with a code that passes (CONNECTION_FAILED, TIMEOUT, HTTP 429 or 5xx)",
    help: "Try again; if it lasts, look at the servers behind the sources that the message names.",
    category: "retry",
  },
};
