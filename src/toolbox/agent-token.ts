import { runWithoutUserContext } from "../context/ambient.js";
import { digest } from "../sealing/digest.js";
import { emit, type OnEvent } from "../events/events.js";
import { endAt, isPast, type Clocks, type End } from "../async/clocks.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import { azureIdentity } from "../exchange/azure-identity.js";
import { isBearerToken } from "../entra/token-claims.js";
import { settleOrAbort, withDeadline } from "../async/deadline.js";
import { singleFlight } from "../async/single-flight.js";
import type { TokenCredentialLike } from "../exchange/federated-credential.js";
import type { AccessToken } from "../sources/token-source.js";
import { clientCredentialFailedCauses, entraTimeoutCauses } from "../errors/causes/tokens.js";

/** How the agent's own token is acquired. */
export interface AgentTokenOptions {
  readonly credential: TokenCredentialLike | undefined;
  /** Whether the credential, where none is given, is the container's identity or the developer's sign-in. */
  readonly hosted: boolean;
  readonly scope: string;
  readonly serverLabel: string;
  readonly timeoutMs: number;
  readonly clocks: Clocks;
  readonly onEvent: OnEvent | undefined;
}

/** The agent's own token. One serves all users, since it names none of them. */
export interface AgentToken {
  /** The cached token, or `undefined`. Renews it in the background in its last minutes. */
  cachedToken(): AccessToken | undefined;
  /** A token, by one request for all who wait. A claims challenge always needs a new one. */
  get(options: {
    readonly signal?: AbortSignal | undefined;
    readonly claims?: string | undefined;
  }): Promise<AccessToken>;
  /** Drops the token, if it is still this one. */
  drop(token: string): void;
  /** Drops the token, and any that is still being acquired. */
  close(): void;
}

/** A token is not sent in the last half minute of its life, and renewed in the last five minutes. */
const unusableMs = 30_000;
const renewMs = 300_000;
const retryRenewMs = 30_000;

interface KeptToken {
  readonly token: AccessToken;
  readonly end: End;
  readonly renewal: End;
}

function keptFrom(token: AccessToken, clocks: Clocks): KeptToken {
  const end = endAt(clocks, token.expiresAt - unusableMs);
  return { token, end, renewal: endAt(clocks, token.expiresAt - renewMs) };
}

/** Creates the holder of the agent's token. It acquires the first one when it is needed. */
export function agentToken(options: AgentTokenOptions): AgentToken {
  const { scope, serverLabel, timeoutMs, clocks, onEvent } = options;
  const { age } = clocks;
  let kept: KeptToken | undefined;
  let loaded: Promise<TokenCredentialLike> | undefined;
  const flights = singleFlight<AccessToken>();
  let renewAfter = 0;
  let closed = false;

  const credential = (): Promise<TokenCredentialLike> => {
    if (options.credential !== undefined) return Promise.resolve(options.credential);
    loaded ??= loadCredential(options.hosted);
    loaded.catch(() => (loaded = undefined));
    return loaded;
  };

  const ask = async (claims: string | undefined, signal: AbortSignal): Promise<AccessToken> => {
    const started = age();
    const made = await (await credential()).getToken(scope, { abortSignal: signal, claims });
    if (!isBearerToken(made?.token)) throw new Error("the credential gave no token that a header can carry");
    const source = "foundry_toolbox";
    const token: AccessToken = { token: made.token, expiresAt: made.expiresOnTimestamp, source };
    if (!closed) kept = keptFrom(token, clocks);
    renewAfter = 0;
    emit(onEvent, { type: "token_acquired", source, serverLabel, durationMs: Math.round(age() - started) });
    return token;
  };

  const flight = (claims: string | undefined): Promise<AccessToken> => {
    const key = digest(claims);
    const timedOut = (): Error =>
      new HostedAgentIdentityError(
        "entra_timeout",
        `No token for the agent itself within ${timeoutMs} ms.`,
        entraTimeoutCauses.toolbox,
      );
    // One token serves all users, so it is acquired outside any user context.
    return flights.run(key, () =>
      runWithoutUserContext(() =>
        withDeadline(timeoutMs, undefined, timedOut, (signal) => ask(claims, signal)),
      ).catch((cause: unknown) => {
        throw isHostedAgentIdentityError(cause) ? cause : noToken(scope, options.hosted, cause);
      }),
    );
  };

  const renew = (): void => {
    if (renewAfter > age()) return;
    renewAfter = age() + retryRenewMs;
    flight(undefined).catch((error: unknown) => {
      const code = isHostedAgentIdentityError(error) ? error.code : "client_credential_failed";
      emit(onEvent, { type: "background_refresh_failed", serverLabel, code });
    });
  };

  const cachedToken = (): AccessToken | undefined => {
    if (kept === undefined || isPast(clocks, kept.end)) return undefined;
    if (isPast(clocks, kept.renewal)) renew();
    return kept.token;
  };

  return {
    cachedToken,
    async get({ signal, claims }) {
      signal?.throwIfAborted();
      return (claims === undefined ? cachedToken() : undefined) ?? settleOrAbort(flight(claims), signal);
    },
    drop(token) {
      if (kept?.token.token === token) kept = undefined;
    },
    close() {
      closed = true;
      kept = undefined;
    },
  };
}

function noToken(scope: string, hosted: boolean, cause: unknown): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "client_credential_failed",
    `The agent could not get a token of its own for ${JSON.stringify(scope)}.`,
    {
      cause,
      help: clientCredentialFailedCauses[hosted ? "toolboxHosted" : "toolbox"].help,
    },
  );
}

/**
 * One kind of identity for each place. `DefaultAzureCredential` would try a managed identity on the developer's machine
 * and a service principal from the environment in the container.
 */
async function loadCredential(hosted: boolean): Promise<TokenCredentialLike> {
  const identity = await azureIdentity("foundryToolbox()");
  if (hosted) return new identity.ManagedIdentityCredential();
  return new identity.ChainedTokenCredential(
    new identity.AzureCliCredential(),
    new identity.AzureDeveloperCliCredential(),
  );
}
