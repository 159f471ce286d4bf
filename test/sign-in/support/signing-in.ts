import { createHash, randomBytes } from "node:crypto";
import {
  clientSecret,
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  protectedResource,
  type ProtectedResource,
} from "hosted-agent-identity";
import { type EntraEmulator, type EntraPolicy, startEntra } from "hosted-agent-identity/testing";
import {
  exchangeAuthorizationCode,
  type SignedIn,
} from "../../../src/exchange/authorization-code-exchange.js";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { signInAs } from "../../testing/visitor.js";

export const redirectUri = "https://agent.example.com/callback";

/** An emulator with an agent, two resources and three people; every one of them may sign in. */
export interface SignInWorld {
  readonly entra: EntraEmulator;
  readonly contacts: ProtectedResource;
  readonly mail: ProtectedResource;
  app(more?: Partial<EntraAppOptions>): EntraApp;
  /** What came back from a person's sign-in, redeemed. */
  signIn(app: EntraApp, user: string, options?: SignInOptions): Promise<SignedIn>;
  /** What the authorize endpoint redirected with, and what the code needs to be redeemed. */
  authorize(user: string, options?: SignInOptions): Promise<Authorized>;
  /** How many refresh tokens were used so far. */
  refreshes(): number;
}

export interface SignInOptions {
  readonly resource?: ProtectedResource;
  readonly scopes?: readonly string[];
  readonly claims?: string;
}

export interface Authorized {
  readonly code: string;
  readonly codeVerifier: string;
  readonly redirectUri: string;
  readonly nonce: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly claims: string | undefined;
  readonly signal: AbortSignal;
}

export async function signInWorld(
  options: { policies?: EntraPolicy[]; now?: () => number; accessTokenLifetimeS?: number } = {},
): Promise<SignInWorld> {
  const entra = await startEntra({
    tenants: [{ name: "Contoso" }, { name: "Fabrikam" }],
    apps: [
      {
        name: "agent",
        scopes: ["access_as_user"],
        secrets: ["agent-secret"],
        redirectUris: [redirectUri],
        installedIn: ["Fabrikam"],
      },
      { name: "contacts", scopes: ["contacts.read", "contacts.write"], installedIn: ["Fabrikam"] },
      { name: "mail", scopes: ["mail.read"] },
    ],
    users: [
      { name: "Ada" },
      { name: "Bob" },
      { name: "Cleo" },
      { name: "Gus", tenant: "Fabrikam", guestIn: ["Contoso"] },
      { name: "Fay", tenant: "Fabrikam" },
    ],
    ...options,
  });
  const tenantId = entra.tenants[0]?.id ?? "";
  const resourceOf = (name: string, scope: string): ProtectedResource => {
    const { clientId } = entra.app(name);
    return protectedResource({
      url: `https://${name}.example.com/mcp`,
      serverLabel: name,
      scopes: [`api://${clientId}/${scope}`],
      audiences: [clientId, `api://${clientId}`],
    });
  };
  const [contacts, mail] = [resourceOf("contacts", "contacts.read"), resourceOf("mail", "mail.read")];

  const authorize = async (user: string, asked: SignInOptions = {}): Promise<Authorized> => {
    const scopes = asked.scopes ?? (asked.resource ?? contacts).scopes;
    const codeVerifier = randomBytes(32).toString("base64url");
    const nonce = randomBytes(16).toString("base64url");
    const query = new URLSearchParams({
      client_id: entra.app("agent").clientId,
      response_type: "code",
      redirect_uri: redirectUri,
      scope: `${scopes.join(" ")} openid profile offline_access`,
      code_challenge: createHash("sha256").update(codeVerifier).digest("base64url"),
      code_challenge_method: "S256",
      nonce,
      ...(asked.claims === undefined ? {} : { claims: asked.claims }),
    });
    const url = `${entra.origin}/${tenantId}/oauth2/v2.0/authorize?${query}`;
    const answer = await signInAs(entra.origin, url, entra.user(user).oid);
    const { claims } = asked;
    const signal = new AbortController().signal;
    return {
      code: answer.get("code") ?? "",
      codeVerifier,
      redirectUri,
      nonce,
      tenantId,
      scopes,
      claims,
      signal,
    };
  };

  return {
    entra,
    contacts,
    mail,
    app: (more) =>
      entraApp({
        tenantId,
        clientId: entra.app("agent").clientId,
        credential: clientSecret("agent-secret"),
        cloud: entra.cloud,
        ...(options.now === undefined ? {} : { now: options.now }),
        ...more,
      }),
    authorize,
    signIn: async (app, user, asked) =>
      exchangeAuthorizationCode(entraAppInternals(app), await authorize(user, asked)),
    refreshes: () => entra.requests.filter((request) => request.grantType === "refresh_token").length,
  };
}
