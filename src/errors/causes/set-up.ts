import type { Causes } from "../facts.js";

export const userTokenAudienceCauses: Causes<"foundrys"> = {
  foundrys: {
    help: "That token is Foundry's own. Let the caller ask for a second one, with the scope of this agent's app, and send it in the x-client-user-token header.",
  },
};

export const noUserContextCauses: Causes<"pool" | "gate" | "credential"> = {
  pool: {
    help: "A pooled client belongs to one user: send a user token, or use platformUserId where it stands for one person.",
  },
  gate: {
    help: "Put the middleware of protectMcpServer(), or requireBearerAuth with its verifier, before the MCP handler.",
  },
  credential: {
    help: "A credential belongs to one user: send a user token, or use platformUserId where it stands for one person.",
  },
};

export const invalidOptionCauses: Causes<"otherResource" | "body" | "serverLabel"> = {
  otherResource: {
    help: "Make the credential from the access of the resource that the client calls: a second protectedResource() and userAccess().",
  },
  body: {
    help: "Call it through remoteSignIn() of the same version, or as the OpenAPI document of the sign-in service says.",
  },
  serverLabel: {
    help: "Add the resource to resources of the agent's entry in signInApi(), with the server label that the agent uses.",
  },
};

export const consentLinkRefusedCauses: Causes<"form" | "toolbox"> = {
  form: {
    help: "No option allows it: a link has to be https, without user information, white space and control characters. Whoever made it has to make another.",
  },
  toolbox: {
    help: "If you trust it, allow it with the option policy of foundryToolbox(); Entra's login page for one client with entraConsent. The event consent_link_refused has its origin and path.",
  },
};
