import type { Causes } from "../facts.js";

export const redirectRefusedCauses: Causes<"loop" | "method" | "body"> = {
  loop: {
    help: "No option ends a loop of redirects: look into the server, or the gateway in front of it, for a redirect to itself.",
  },
  method: {
    help: "Configure the final URL in protectedResource(), or let the server redirect with 307 or 308.",
  },
  body: {
    help: "Configure the final URL in protectedResource(), or send the body as text or bytes: a stream cannot be sent again.",
  },
};

export const resourceUnauthorizedCauses: Causes<"sdkV1Auth" | "own"> = {
  own: {
    help: "Read the token with hosted-agent-identity inspect, and compare aud, scp, roles and tid with what the resource accepts. If they fit, it wants the user to be assigned to something.",
  },
  sdkV1Auth: {
    help: "Call again for a fresh token; give the transport access.fetch, which retries and follows challenges.",
  },
};

export const insufficientScopeCauses: Causes<
  "otherResource" | "configured" | "unnamed" | "toolbox" | "signInService"
> = {
  otherResource: {
    help: "A scope of another resource cannot be added to this one, and is not asked for at a server's word. Ask whoever runs the server which of its own scopes the call needs; call the other API through a protectedResource() of its own.",
  },
  configured: {
    help: "Read the token with hosted-agent-identity inspect. Where scp lacks the scope, the user or an administrator has to consent to it. Where it has it, the server wants something else: a role, or an assignment.",
  },
  unnamed: {
    help: "Look up which scope the call needs in the documentation of the resource, and add it to scopes of protectedResource().",
  },
  toolbox: {
    help: "Foundry holds the grant: add the scopes to the tool's connection in the Foundry project, and consent there once more.",
  },
  signInService: {
    help: "Add the scopes to the resource of the agent's entry in signInApi(), or ask for fewer.",
  },
};

export const toolboxSourceFailedCauses: Causes<"passing"> = {
  passing: {
    help: "Try again; if it lasts, look at the servers behind the sources that the message names.",
    category: "retry",
  },
};
