import type { Causes } from "../facts.js";

export const noUserContextCauses: Causes<"pool" | "gate" | "credential"> = {
  pool: {
    help: "A pooled client belongs to one user: send a user token, or use platformUserId if each id stands for one person.",
  },
  gate: {
    help: "Put the middleware of protectMcpServer(), or requireBearerAuth with its verifier, before the MCP handler.",
  },
  credential: {
    help: "A credential belongs to one user: send a user token, or use platformUserId if each id stands for one person.",
  },
};

export const invalidOptionCauses: Causes<"otherResource" | "body" | "serverLabel"> = {
  otherResource: {
    help: "Create the credential from an access to the resource that the client calls: a second protectedResource() and userAccess().",
  },
  body: {
    help: "Call it through remoteSignIn() of the same version, or follow the sign-in service's OpenAPI document.",
  },
  serverLabel: {
    help: "Add the resource, with the server label that the agent uses, to resources of the agent's entry in signInApi().",
  },
};

export const consentLinkRefusedCauses: Causes<"form" | "toolbox"> = {
  form: {
    help: "No option allows it. A link must be https, without user information, whitespace or control characters. Fix it where it is created.",
  },
  toolbox: {
    help: "If you trust the link, allow it with policy of foundryToolbox(), or allow Entra's login page for one client with entraConsent. The event consent_link_refused has its origin and path.",
  },
};
