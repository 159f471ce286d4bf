import { boundedMap } from "../async/bounded-map.js";
import { developerRefusal } from "../foundry/developer-machine.js";
import { digest } from "../sealing/digest.js";
import { decodeClaims, stringClaim } from "../entra/token-claims.js";
import { subjectOf } from "../entra/token-subject.js";
import { check, clock, optional } from "../options/checks.js";
import { clocksOf, endAt, isPast, type End } from "../async/clocks.js";
import { HostedAgentIdentityError } from "../errors.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { wrongUserCauses } from "../errors/causes/tokens.js";
import { azureIdentity } from "../exchange/azure-identity.js";
import { tokenCredentialOption, type TokenCredentialLike } from "../exchange/federated-credential.js";
import type { AccessToken, TokenSource } from "./token-source.js";
import { type Runtime } from "../runtime/runtime.js";
import type { SourceKind } from "./source-kinds.js";

/** Where the developer source looks, for tests. */
export interface DeveloperOptions extends Pick<Runtime, "now"> {
  /** Instead of the environment of the process. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** The options of {@link developer}. */
export const developerOptions: OptionTable<DeveloperOptions, "now"> = {
  environment: optional(
    check<Readonly<Record<string, string | undefined>>>("object", "environment variables", () => true),
  ),
  now: clock,
};

const renewBeforeMs = 300_000;
/** Of resources and their scopes; a server that asks for more scopes each time makes more. */
const maxKept = 100;

/**
 * On the developer's machine, the developer is the user: the token comes from `az login` or another
 * credential of `@azure/identity`. Works only where the developer has said so, with the environment variable
 * `HOSTED_AGENT_IDENTITY_DEVELOPER=1`; never with `NODE_ENV=production`, nor where the environment is that of a known
 * host (Foundry, App Service, Functions, Container Apps, Kubernetes, Lambda, ECS, Cloud Run and others). There it is
 * skipped, and `explain()` says why. Refuses to work with an identity that is no person (managed identity, service
 * principal), and for a request of somebody else.
 *
 * Entry point: `hosted-agent-identity`. Needs the optional package `@azure/identity` unless a credential is
 * given. Throws `developer_source_refused`, `wrong_user`, `missing_dependency`,
 * `dependency_failed`.
 *
 * @example
 * ```ts
 * import { developer, passthrough, userAccess, type ProtectedResource } from "hosted-agent-identity";
 *
 * export const access = (contacts: ProtectedResource) => userAccess(contacts, [passthrough(), developer()]);
 * ```
 * @group Tokens
 */
export function developer(credential?: TokenCredentialLike, options: DeveloperOptions = {}): TokenSource {
  optional(tokenCredentialOption).read(credential, "developer: credential");
  const { now, environment } = readOptions("developer", developerOptions, options);
  const clocks = clocksOf(now);
  const kept = boundedMap<string, { readonly token: AccessToken; readonly renewal: End }>(maxKept);
  let loaded: Promise<TokenCredentialLike> | undefined;
  let forgets = 0;
  return Object.freeze<TokenSource>({
    kind: "developer" satisfies SourceKind,
    provesUser: false,
    cacheScope: "developer",
    usesAssertion: false,
    cached: false,
    skip({ claims }) {
      const refusal = developerRefusal(environment ?? process.env);
      if (refusal !== undefined) return refusal;
      return claims === undefined
        ? undefined
        : { reason: "claims_not_supported", detail: "sign in again with az login to meet the challenge." };
    },
    async acquire({ scopes, context, signal }) {
      const key = digest(scopes);
      const known = kept.get(key);
      const before = forgets;
      let token = known === undefined || isPast(clocks, known.renewal) ? undefined : known.token;
      if (token === undefined) {
        loaded ??= credential === undefined ? loadCredential() : Promise.resolve(credential);
        const made = await (await loaded).getToken([...scopes], { abortSignal: signal });
        if (made === null)
          throw new HostedAgentIdentityError(
            "developer_source_refused",
            "The developer credential gave no token; run az login.",
          );
        token = { token: made.token, expiresAt: made.expiresOnTimestamp, source: "developer" };
      }
      checkPerson(token.token, context.user);
      // After a forget() meanwhile, this token is as old as what was forgotten.
      if (token !== known?.token && before === forgets)
        kept.set(key, { token, renewal: endAt(clocks, token.expiresAt - renewBeforeMs) });
      return { status: "token", token };
    },
    forget(_principalKey, token) {
      forgets += 1;
      for (const [key, one] of kept) if (token === undefined || one.token.token === token) kept.delete(key);
    },
  });
}

/**
 * The developer's token has to be a person's, and that person has to be the one who asks, if one is named.
 * Throws `developer_source_refused`, `wrong_user`.
 */
export function checkPerson(
  token: string,
  user: { readonly tid: string; readonly oid: string } | undefined,
): void {
  const claims = decodeClaims(token);
  if (claims === undefined || subjectOf(claims).kind !== "person") {
    throw new HostedAgentIdentityError(
      "developer_source_refused",
      "The developer credential is not a person's sign-in (no delegated scopes in its token).",
    );
  }
  if (
    user !== undefined &&
    (stringClaim(claims, "oid") !== user.oid || stringClaim(claims, "tid") !== user.tid)
  ) {
    throw new HostedAgentIdentityError(
      "wrong_user",
      "The request came with another user's token than the developer's.",
      wrongUserCauses.developer,
    );
  }
}

async function loadCredential(): Promise<TokenCredentialLike> {
  const { AzureCliCredential } = await azureIdentity("developer()");
  // The Azure CLI only: DefaultAzureCredential would also try identities that are no person.
  return new AzureCliCredential();
}
