import type { Causes } from "../facts.js";

export const entraTimeoutCauses: Causes<"access" | "toolbox" | "signIn"> = {
  access: {
    help: "Try again; if it lasts, find the source that is slow (onEvent), or raise timeoutMs of userAccess().",
  },
  toolbox: {
    help: "Try again; raise timeoutMs of foundryToolbox() if the credential is slow.",
  },
  signIn: {
    help: "Try again; if it lasts, look at the store of sign-ins, and at the way from this host to the cloud's login host.",
  },
};

export const entraBadResponseCauses: Causes<"noRefreshToken" | "source"> = {
  noRefreshToken: {
    help: "The scopes of a sign-in need offline_access to be allowed: look whether a policy of the tenant or an administrator's consent leaves it out.",
  },
  source: {
    help: "Let acquire() of the source give the access token alone, without the word Bearer and without line breaks.",
  },
};

export const clientCredentialFailedCauses: Causes<
  "certificate" | "noIdentity" | "callback" | "signInService" | "toolboxHosted" | "toolbox"
> = {
  certificate: {
    help: "Give certificate() one PEM with the certificate and its RSA private key, and passphrase if the key is encrypted.",
  },
  noIdentity: {
    help: "Check that this host has the identity (name a user-assigned managed identity by its client id), and that cloud of entraApp() is the cloud it runs in: each has its own exchange audience.",
  },
  callback: {
    help: "Read `cause`: what the callback threw, or why the file could not be read. AZURE_FEDERATED_TOKEN_FILE names the file that the cluster keeps up to date.",
  },
  signInService: {
    help: "Check the credential given to remoteSignIn(): the agent's managed identity on a host, az login on your machine.",
  },
  toolboxHosted: {
    help: "The container's managed identity gives it: look at IDENTITY_ENDPOINT, or give foundryToolbox() a credential.",
  },
  toolbox: {
    help: "Sign in with az login or azd auth login, or give foundryToolbox() a credential.",
  },
};

export const wrongUserCauses: Causes<"credential" | "developer" | "signIn"> = {
  credential: {
    help: "Make one client for each user, in that user's turn: tokenCredential() belongs to whoever it was made for.",
    category: "config",
  },
  developer: {
    help: "Send your own user token, or none. developer() serves whoever ran az login; for other people use onBehalfOf() or a sign-in.",
    category: "config",
  },
  signIn: {
    help: "Sign in with the account that asked. To use another one, disconnect the first on the connections page, and ask again in the chat.",
  },
};

export const backingOffCauses: Causes<"tooOften"> = {
  tooOften: {
    help: "Find out why the token is asked for so often: a server that refuses each one, or forget() in a loop.",
  },
};
