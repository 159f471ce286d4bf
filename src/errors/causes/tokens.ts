import type { Causes } from "../facts.js";

export const entraTimeoutCauses: Causes<"access" | "toolbox" | "signIn"> = {
  access: {
    help: "Try again. If it keeps failing, find the slow source (onEvent), or raise timeoutMs of userAccess().",
  },
  toolbox: {
    help: "Try again. If the credential is slow, raise timeoutMs of foundryToolbox().",
  },
  signIn: {
    help: "Try again. If it keeps failing, check the sign-in store, and the connection from this host to the cloud's login host.",
  },
};

export const entraBadResponseCauses: Causes<"noRefreshToken" | "source"> = {
  noRefreshToken: {
    help: "A sign-in needs offline_access: check whether a tenant policy or an administrator's consent leaves it out.",
  },
  source: {
    help: "Have the source's acquire() return the access token only, without the word Bearer and without line breaks.",
  },
};

export const clientCredentialFailedCauses: Causes<
  | "certificate"
  | "pfx"
  | "noKey"
  | "encrypted"
  | "noIdentity"
  | "callback"
  | "signInService"
  | "toolboxHosted"
  | "toolbox"
> = {
  certificate: {
    help: "Pass certificate() one PEM with the certificate and its RSA private key, and passphrase if the key is encrypted.",
  },
  pfx: {
    help: "Convert it: openssl pkcs12 -in agent.pfx -nodes -out agent.pem. From Key Vault, first: az keyvault secret download --vault-name <vault> --name <certificate> --encoding base64 --file agent.pfx. With the content type application/x-pem-file Key Vault gives PEM.",
  },
  noKey: {
    help: "Pass the private key as well: in Key Vault the secret of the certificate's name has it (az keyvault secret show).",
  },
  encrypted: {
    help: "Pass passphrase, or a key without one (openssl pkey -in agent.pem -out agent.key).",
  },
  noIdentity: {
    help: "Check that this host has the identity (select a user-assigned managed identity by its client id), and that cloud of entraApp() is the cloud it runs in: each has its own exchange audience.",
  },
  callback: {
    help: "Read `cause`: what the callback threw, or why the file could not be read. AZURE_FEDERATED_TOKEN_FILE is the path of the file that the cluster keeps up to date.",
  },
  signInService: {
    help: "Check the credential given to remoteSignIn(): the agent's managed identity on a host, az login on your machine.",
  },
  toolboxHosted: {
    help: "It comes from the container's managed identity: check IDENTITY_ENDPOINT, or pass foundryToolbox() a credential.",
  },
  toolbox: {
    help: "Sign in with az login or azd auth login, or pass foundryToolbox() a credential.",
  },
};

export const wrongUserCauses: Causes<"credential" | "developer" | "signIn"> = {
  credential: {
    help: "Create one client per user, in that user's turn: each tokenCredential() belongs to one user.",
    category: "config",
  },
  developer: {
    help: "Send your own user token, or none. developer() acts only as the account that ran az login; for other users use onBehalfOf() or a sign-in.",
    category: "config",
  },
  signIn: {
    help: "Sign in with the account that asked. To use another one, disconnect the first on the connections page, then ask again in the chat.",
  },
};

export const backingOffCauses: Causes<"tooOften" | "crowded"> = {
  tooOften: {
    help: "Find out why the token is requested so often, for example a server that refuses each one, or forget() in a loop.",
  },
  crowded: {
    help: "Try again. If it keeps happening, Entra or the way to it is slow, or one process has too many users: add replicas.",
  },
};
