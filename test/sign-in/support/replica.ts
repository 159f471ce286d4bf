import { randomBytes } from "node:crypto";
import type { EntraApp, IdentityEvent, ProtectedResource } from "hosted-agent-identity";
import type { SignInStore } from "hosted-agent-identity/sign-in";
import { decodeClaims } from "../../../src/entra/token-claims.js";
import type { SignedIn } from "../../../src/exchange/authorization-code-exchange.js";
import { entraAppInternals } from "../../../src/exchange/entra-app.js";
import { noAudit } from "../../../src/sign-in/audit/auditor.js";
import type { SignInContext } from "../../../src/sign-in/sign-in-context.js";
import type { Grants } from "../../../src/sign-in/grants/grant.js";
import { grants } from "../../../src/sign-in/grants/grants.js";
import { keyedStore } from "../../../src/sign-in/grants/record-names.js";
import { guardedStore } from "../../../src/sign-in/stores/guarded-store.js";
import { startedStore } from "../../../src/sign-in/stores/started-store.js";
import { keyring } from "../../../src/sealing/keyring.js";
import type { SignInWorld } from "./signing-in.js";

export const masterKey = new Uint8Array(randomBytes(32));

/** One process of the agent, as far as sign-in goes. */
export interface Replica {
  readonly core: SignInContext;
  readonly grants: Grants;
  readonly app: EntraApp;
  readonly events: readonly IdentityEvent[];
  /** The object id a principal's token stands for; `undefined` when it has to sign in. */
  tokenOf(principalKey: string, asked?: Asked): Promise<string | undefined>;
  token(principalKey: string, asked?: Asked): ReturnType<Grants["token"]>;
  /** Signs a person in and keeps the grant for the principal. */
  connect(principalKey: string, user: string, resources?: readonly ProtectedResource[]): Promise<SignedIn>;
}

export interface Asked {
  readonly resource?: ProtectedResource;
  readonly scopes?: readonly string[];
  readonly claims?: string;
  readonly signal?: AbortSignal;
}

export function replica(
  world: Pick<SignInWorld, "app" | "contacts" | "mail" | "signIn">,
  store: SignInStore,
  options: {
    now?: () => number;
    random?: (bytes: number) => Uint8Array;
    agent?: string;
    keys?: readonly Uint8Array[];
    app?: EntraApp;
  } = {},
): Replica {
  const now = options.now ?? Date.now;
  const events: IdentityEvent[] = [];
  const app = options.app ?? world.app({ now });
  const core: SignInContext = {
    app: entraAppInternals(app),
    publicUrl: "https://agent.example.com",
    resources: [world.contacts, world.mail],
    store: guardedStore(keyedStore(startedStore(store), options.keys ?? [masterKey], now)),
    keys: keyring(options.keys ?? [masterKey]),
    agent: options.agent ?? "agent",
    now,
    random: options.random ?? ((bytes) => new Uint8Array(randomBytes(bytes))),
    onEvent: (event) => void events.push(event),
    audit: noAudit,
  };
  const made = grants(core);
  const token: Replica["token"] = (principalKey, asked = {}) => {
    const resource = asked.resource ?? world.contacts;
    return made.token(principalKey, {
      resource,
      scopes: asked.scopes ?? resource.scopes,
      claims: asked.claims,
      signal: asked.signal ?? new AbortController().signal,
    });
  };
  return {
    core,
    grants: made,
    app,
    events,
    token,
    tokenOf: async (principalKey, asked) => {
      const found = await token(principalKey, asked);
      return found === undefined ? undefined : decodeClaims(found.token)?.oid;
    },
    async connect(principalKey, user, resources = [world.contacts]) {
      const signedIn = await world.signIn(app, user, { scopes: resources.flatMap(({ scopes }) => scopes) });
      await made.keep(principalKey, {
        account: signedIn.account,
        refreshToken: signedIn.refreshToken,
        resources: resources.map(({ url }) => url),
        scopes: resources.flatMap(({ scopes }) => scopes).sort(),
      });
      return signedIn;
    },
  };
}

/** The key of a platform user, who is nobody in particular until somebody signs in. */
export function platformUser(id: string): string {
  return JSON.stringify(["platform", "https://project.example.com", "agent", id]);
}
