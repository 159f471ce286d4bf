/**
 * Signing a person in and keeping their tokens, with `@azure/msal-node`: authorization code with PKCE,
 * state and nonce. One MSAL client for each signed-in person: its cache then holds one account, and what
 * one person's session keeps cannot be found from another's.
 */
import {
  ConfidentialClientApplication,
  CryptoProvider,
  InteractionRequiredAuthError,
  type AccountInfo,
  type AuthenticationResult,
  type Configuration,
} from "@azure/msal-node";

export interface SignInOptions {
  /** This back end's own app, the client of the sign-in. `networkClient` is for tests and proxies. */
  readonly msal: Configuration;
  /** Registered as a "web" redirect URI of that app. */
  readonly redirectUri: string;
  /** The scope of the agent's own app, for example `api://<client id>/access_as_user`. */
  readonly agentScope: string;
}

/** What has to be kept between leaving for Entra and coming back. Belongs into the session. */
export interface PendingSignIn {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface SignedIn {
  readonly oid: string;
  readonly tid: string;
  readonly name: string;
  readonly username: string;
  /** The person's token for the agent's app. Throws {@link SignInAgain} when Entra wants to see the person. */
  agentToken(): Promise<string>;
  /** The person's token for Foundry, which the platform itself checks. */
  foundryToken(): Promise<string>;
}

/** The person has to sign in again; `claims` is what Entra asks for, if it asks for something. */
export class SignInAgain extends Error {
  override readonly name = "SignInAgain";
  readonly claims: string | undefined;
  constructor(claims?: string) {
    super("The person has to sign in again.");
    this.claims = claims;
  }
}

/** Why a sign-in did not work, in Entra's or our words; safe to show. */
export class SignInFailed extends Error {
  override readonly name = "SignInFailed";
}

export interface SignIn {
  start(wish: { loginHint?: string | undefined; claims?: string | undefined }): Promise<{
    url: string;
    pending: PendingSignIn;
  }>;
  /** Redeems the code of the redirect. Throws {@link SignInFailed}. */
  finish(query: URLSearchParams, pending: PendingSignIn | undefined): Promise<SignedIn>;
}

const foundryScope = "https://ai.azure.com/.default";

export function createSignIn(options: SignInOptions): SignIn {
  const crypto = new CryptoProvider();
  const { redirectUri, agentScope } = options;

  return {
    async start({ loginHint, claims }) {
      const { verifier, challenge } = await crypto.generatePkceCodes();
      const pending = { state: crypto.createNewGuid(), nonce: crypto.createNewGuid(), verifier };
      const url = await new ConfidentialClientApplication(options.msal).getAuthCodeUrl({
        scopes: [agentScope],
        redirectUri,
        state: pending.state,
        nonce: pending.nonce,
        codeChallenge: challenge,
        codeChallengeMethod: "S256",
        ...(loginHint === undefined ? { prompt: "select_account" } : { loginHint }),
        ...(claims === undefined ? {} : { claims }),
      });
      return { url, pending };
    },

    async finish(query, pending) {
      const [code, state, error] = ["code", "state", "error"].map((name) => query.get(name));
      // Nothing is looked at before the answer is known to belong to this browser's own question.
      if (pending === undefined || state !== pending.state)
        throw new SignInFailed("This sign-in was not started here.");
      if (error != null) throw new SignInFailed(`Entra answered ${JSON.stringify(error)}.`);
      if (code == null) throw new SignInFailed("The answer holds no code.");
      const client = new ConfidentialClientApplication(options.msal);
      const found = await client
        .acquireTokenByCode(
          {
            scopes: [agentScope],
            redirectUri,
            code,
            codeVerifier: pending.verifier,
            state,
            nonce: pending.nonce,
          },
          { code, state: pending.state },
        )
        .catch((cause: unknown) => {
          throw new SignInFailed("Entra did not take the code.", { cause });
        });
      return signedIn(client, found, agentScope);
    },
  };
}

function signedIn(
  client: ConfidentialClientApplication,
  found: AuthenticationResult,
  agentScope: string,
): SignedIn {
  const { account } = found;
  if (account === null) throw new SignInFailed("The answer names nobody.");
  const silent = async (scope: string): Promise<string> => {
    try {
      const answer = await client.acquireTokenSilent({ account, scopes: [scope] });
      return sameAccount(answer, account);
    } catch (error) {
      if (error instanceof InteractionRequiredAuthError) throw new SignInAgain(error.claims || undefined);
      throw error;
    }
  };
  return {
    oid: account.localAccountId,
    tid: account.tenantId,
    name: account.name ?? account.username,
    username: account.username,
    agentToken: () => silent(agentScope),
    foundryToken: () => silent(foundryScope),
  };
}

function sameAccount(answer: AuthenticationResult | null, account: AccountInfo): string {
  if (answer === null || answer.account?.homeAccountId !== account.homeAccountId) throw new SignInAgain();
  return answer.accessToken;
}
