import type { Causes } from "../facts.js";

export const entraTimeoutCauses: Causes<"access" | "toolbox" | "signIn"> = {
  access: {
    when: "the acquisition took longer than timeoutMs of userAccess()",
    help: "Try again; if it lasts, find the source that is slow (onEvent), or raise timeoutMs of userAccess().",
  },
  toolbox: {
    when: "the agent's own token for a toolbox took too long",
    help: "Try again; raise timeoutMs of foundryToolbox() if the credential is slow.",
  },
  signIn: {
    when: "a token of a sign-in took too long, Entra and the store together",
    help: "Try again; if it lasts, look at the store of sign-ins, and at the way from this host to the cloud's login host.",
  },
};

export const entraBadResponseCauses: Causes<"noRefreshToken" | "source"> = {
  noRefreshToken: {
    when: "the answer has no refresh token, so no sign-in and no long-running work can be kept",
    help: "The scopes of a sign-in need offline_access to be allowed: look whether a policy of the tenant or an administrator's consent leaves it out.",
  },
  source: {
    when: "a token source of your own gave a token that no header can carry",
    help: "Let acquire() of the source give the access token alone, without the word Bearer and without line breaks.",
  },
};

export const clientCredentialFailedCauses: Causes<
  "certificate" | "noIdentity" | "callback" | "signInService" | "toolboxHosted" | "toolbox"
> = {
  certificate: {
    when: "the certificate has no usable key",
    help: "Give certificate() one PEM with the certificate and its RSA private key, and passphrase if the key is encrypted.",
  },
  noIdentity: {
    when: "the managed identity behind federatedCredential() gave no token",
    help: "Check that this host has the identity (name a user-assigned managed identity by its client id), and that cloud of entraApp() is the cloud it runs in: each has its own exchange audience.",
  },
  callback: {
    when: "the callback of federatedCredential() or the file of workloadIdentityFile() gave no token",
    help: "Read `cause`: what the callback threw, or why the file could not be read. AZURE_FEDERATED_TOKEN_FILE names the file that the cluster keeps up to date.",
  },
  signInService: {
    when: "the credential of remoteSignIn() gave no token",
    help: "Check the credential given to remoteSignIn(): the agent's managed identity on a host, az login on your machine.",
  },
  toolboxHosted: {
    when: "the agent has no token of its own for a toolbox, in the hosted environment",
    help: "The container's managed identity gives it: look at IDENTITY_ENDPOINT, or give foundryToolbox() a credential.",
  },
  toolbox: {
    when: "the agent has no token of its own for a toolbox, on your machine",
    help: "Sign in with az login or azd auth login, or give foundryToolbox() a credential.",
  },
};

export const wrongUserCauses: Causes<"credential" | "developer" | "signIn"> = {
  credential: {
    when: "an Azure SDK client that was made for one user is used in a turn of another",
    help: "Make one client for each user, in that user's turn: tokenCredential() belongs to whoever it was made for.",
    category: "config",
  },
  developer: {
    when: "developer() is asked for somebody else than the developer",
    help: "Send your own user token, or none. developer() serves whoever ran az login; for other people use onBehalfOf() or a sign-in.",
    category: "config",
  },
  signIn: {
    when: "another account signed in than the one that asked, or is connected already",
    help: "Sign in with the account that asked. To use another one, disconnect the first on the connections page, and ask again in the chat.",
  },
};

export const backingOffCauses: Causes<"tooOften"> = {
  tooOften: {
    when: "the same exchange was made too often for one person",
    help: "Find out why the token is asked for so often: a server that refuses each one, or forget() in a loop.",
  },
};
