import { expiringMap } from "../async/bounded-map.js";
import type { UserContext } from "../context/user-context.js";
import { internalsOf } from "../context/user-context.js";
import { joinClaims } from "../entra/claims-request.js";
import {
  type ConsentRequest,
  type HostedAgentIdentityError,
  isConsentRequiredError,
  isHostedAgentIdentityError,
  isTokenExchangeError,
} from "../errors.js";
import { isSignInDemand } from "../context/internals.js";
import { uniqueRequests } from "../consent/find-consent-required.js";
import { digest } from "../sealing/digest.js";
import type { Preparable } from "../turn/turn.js";
import type { AskedRequest } from "./pages.js";
import type { Refusal, Refusals } from "./refusal.js";

/** The person who makes a call, and how the call may be answered. */
export interface PersonCalling {
  readonly context: UserContext;
  readonly tid: string;
  readonly asked: AskedRequest | undefined;
  readonly unmet: UnmetDemands;
}

/** Gets the tokens that a call needs from other resources, as the person who makes it, and refuses it without them. */
export async function unmetDownstream(
  accesses: readonly Preparable[],
  person: PersonCalling,
  refuse: Refusals,
): Promise<Refusal | undefined> {
  // Each access has a limit of its own.
  const { signal } = new AbortController();
  const results = await Promise.allSettled(
    accesses.map(async (access) => access.token(person.context, { signal })),
  );
  const errors = results.flatMap((result) => {
    if (result.status === "fulfilled") return [];
    // What a source of the server's own has thrown is answered like any other failure of a callback.
    if (!isHostedAgentIdentityError(result.reason)) throw result.reason;
    return [result.reason];
  });
  const [first] = errors;
  if (first === undefined) return undefined;
  const { asked, context, tid, unmet } = person;
  const requests = uniqueRequests(
    errors.flatMap((error) => (isConsentRequiredError(error) ? error.requests : [])),
  );
  const claims = claimsOf(errors);
  // A factor is the caller's to ask for, with the token it gets then. If that one does not do either, a page may.
  const again = claims !== undefined && requests.length > 0 && unmet.wasOfAnother(context, asked?.tool);
  if (claims !== undefined && !again) {
    unmet.note(context, asked?.tool, claims);
    return refuse.insufficientClaims(claims, tid);
  }
  if (requests.length > 0) return refuse.withPages(asked, requests);
  return errors.some(isSignInDemand) ? refuse.newSignIn() : refuse.downstreamFailed(first, asked?.id);
}

/** The claims that the refused exchanges of the caller's own token ask for. */
function claimsOf(errors: readonly HostedAgentIdentityError[]): string | undefined {
  return errors
    .map((error) => (isConsentRequiredError(error) ? error.cause : error))
    .reduce<string | undefined>(
      (joined, cause) =>
        isTokenExchangeError(cause) && cause.category === "stepup"
          ? joinClaims(joined, cause.claims)
          : joined,
      undefined,
    );
}

/** What a call has found out while it ran. */
export interface FoundLate {
  readonly requests: readonly ConsentRequest[];
  readonly signIn: HostedAgentIdentityError | undefined;
  /** What the sign-in has to meet; `""` where no claims say so. */
  readonly claims: string;
}

/** What a call has found out that it needs while it ran: its answer has begun by then. */
export function foundLate(context: UserContext): FoundLate {
  const { consentRequests, signInDemand } = internalsOf(context);
  const claims = signInDemand === undefined ? undefined : claimsOf([signInDemand]);
  return { requests: uniqueRequests(consentRequests), signIn: signInDemand, claims: claims ?? "" };
}

/** Demands that a token did not meet when a tool ran, for the next call with that token: the gate asks for them then. */
export interface UnmetDemands {
  /** `""` for a new sign-in without claims. */
  note(context: UserContext, tool: string | undefined, claims: string): void;
  /** What this caller's token did not meet. */
  of(context: UserContext, tool: string | undefined): string | undefined;
  /** Whether another token of this caller did not meet a demand. */
  wasOfAnother(context: UserContext, tool: string | undefined): boolean;
}

const rememberedMs = 5 * 60_000;
const maxDemands = 10_000;

/** Creates an empty, bounded memory. A demand is the person's and the tool's, and of one token. */
export function unmetDemands(age: () => number, max: number = maxDemands): UnmetDemands {
  const demands = expiringMap<{ readonly hash: string | undefined; readonly claims: string }>(
    rememberedMs,
    max,
    age,
  );
  const keyOf = (context: UserContext, tool: string | undefined): string =>
    digest(context.principalKey, tool);
  const hashOf = (context: UserContext): string | undefined => internalsOf(context).assertion?.hash;
  return {
    note: (context, tool, claims) => demands.set(keyOf(context, tool), { hash: hashOf(context), claims }),
    of(context, tool) {
      const known = demands.get(keyOf(context, tool));
      return known?.hash === hashOf(context) ? known?.claims : undefined;
    },
    wasOfAnother(context, tool) {
      const known = demands.get(keyOf(context, tool));
      return known !== undefined && known.hash !== hashOf(context);
    },
  };
}
