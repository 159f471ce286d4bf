import { endAt, isPast, type Clocks, type End } from "../async/clocks.js";
import { singleFlight } from "../async/single-flight.js";
import type { ClientAuthentication, ClientCredential, CredentialRequest } from "./credential.js";

/** Client authentications that are kept: one for each token endpoint. */
export interface ClientAssertions {
  authenticate(request: CredentialRequest): Promise<ClientAuthentication>;
}

/** A kept assertion is not used in its last minute: it would expire on the way. */
const marginMs = 60_000;

/**
 * Keeps client assertions until shortly before they expire and makes one at a time. MSAL would ask the
 * callback for every call, even when it has a token in its cache.
 */
export function clientAssertions(
  credential: Pick<ClientCredential, "authenticate">,
  clocks: Clocks,
): ClientAssertions {
  const kept = new Map<string, { readonly made: ClientAuthentication; readonly end: End }>();
  const making = singleFlight<ClientAuthentication>();
  return {
    async authenticate(request) {
      const known = kept.get(request.tokenEndpoint);
      if (known !== undefined && request.refused === 0 && !isPast(clocks, known.end)) return known.made;
      // A refused credential is made anew, but not once more for each caller that was refused with it.
      const key = `${request.refused > 0 ? "again" : "first"} ${request.tokenEndpoint}`;
      const made = await making.run(key, () => credential.authenticate(request));
      kept.set(request.tokenEndpoint, { made, end: endAt(clocks, usableUntil(made)) });
      return made;
    },
  };
}

function usableUntil(authentication: ClientAuthentication): number {
  return "secret" in authentication ? Number.POSITIVE_INFINITY : authentication.expiresAt - marginMs;
}
