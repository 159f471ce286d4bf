import type { Causes } from "../facts.js";

export const redirectRefusedCauses: Causes<"loop" | "method" | "body"> = {
  loop: {
    help: "No option fixes a redirect loop: check the server, or the gateway in front of it, for a redirect to itself.",
  },
  method: {
    help: "Configure the final URL in protectedResource(), or have the server redirect with 307 or 308.",
  },
  body: {
    help: "Configure the final URL in protectedResource(), or send the body as text or bytes: a stream cannot be sent again.",
  },
};

export const resourceUnauthorizedCauses: Causes<"sdkV1Auth" | "own" | "unsaid"> = {
  own: {
    help: "Run hosted-agent-identity inspect on the token, and compare aud, scp, roles and tid with what the resource accepts. If they match, the resource probably requires the user to be assigned to something.",
  },
  unsaid: {
    help: "The answer has no WWW-Authenticate, so nobody knows what the server wants: a gateway in front of it may take the header off. Let the gateway pass it on, and run hosted-agent-identity inspect on the token.",
  },
  sdkV1Auth: {
    help: "Call again for a fresh token; give the transport access.fetch, which retries and follows challenges.",
  },
};

export const mcpServerUnreachableCauses: Causes<"silent"> = {
  silent: {
    help: "Node.js ends an answer that sends nothing for 300 seconds. Let the server report progress, or give userAccess() a fetch with longer bodyTimeout and headersTimeout: see docs/reliability.md under Known and open.",
  },
};

export const insufficientScopeCauses: Causes<
  "otherResource" | "configured" | "unnamed" | "toolbox" | "signInService"
> = {
  otherResource: {
    help: "A scope of another resource cannot be added to this one, and is never requested because a server says so. Ask the server's operator which of its own scopes the call needs. Call the other API through a separate protectedResource().",
  },
  configured: {
    help: "Run hosted-agent-identity inspect on the token. If scp lacks the scope, the user or an administrator must consent to it. If scp has it, the server requires something else: a role or an assignment.",
  },
  unnamed: {
    help: "Look up in the resource's documentation which scope the call needs, and add it to scopes of protectedResource().",
  },
  toolbox: {
    help: "Foundry holds the grant: add the scopes to the tool's connection in the Foundry project, and consent there again.",
  },
  signInService: {
    help: "Add the scopes to the resource of the agent's entry in signInApi(), or ask for fewer.",
  },
};

export const elicitationNotAllowedCauses: Causes<"undeclared"> = {
  undeclared: {
    help: "The server asks only clients that declare elicitation.url. fetch declares it for a resource with elicitation.allowedLinks, if the request's body is one JSON-RPC message as text, of at most 1 MiB.",
  },
};

export const elicitationRepeatedCauses: Causes<"tooMany"> = {
  tooMany: {
    help: "Open the links of this turn and ask again: one turn shows at most 4.",
  },
};

export const toolboxSourceFailedCauses: Causes<"passing"> = {
  passing: {
    help: "Try again. If it keeps failing, check the servers behind the sources in the message.",
    category: "retry",
  },
};

export const standaloneStreamCauses: Causes<"toolbox"> = {
  toolbox: {
    help: 'A toolbox knows its user by the call id of one request. If each client is one user\'s, set standaloneStream: "allow" of foundryToolbox(): the stream then ends with the turn that opened it.',
  },
};
