import { inspect } from "node:util";
import type { ConsentRequest } from "../errors.js";
import type { Assertion, ContextInternals } from "./state.js";
import { checkServed, principalKey, type Principal } from "./principal.js";
import { contextSlot, keptBeside } from "./slot.js";

/** The user of a verified token. `name` and `username` are for display: both can change. */
export interface VerifiedUser {
  readonly tid: string;
  readonly oid: string;
  readonly name?: string | undefined;
  readonly username?: string | undefined;
}

/** What the platform said about the request. Ids are opaque; absent outside the hosted environment. */
export interface PlatformContext {
  readonly hosted: boolean;
  readonly userId?: string | undefined;
  readonly callId?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly responseId?: string | undefined;
  readonly invocationId?: string | undefined;
}

/** The parts a context is made from. */
export interface UserContextParts {
  readonly principal?: Principal | undefined;
  readonly user?: VerifiedUser | undefined;
  readonly platform: PlatformContext;
  readonly clientHeaders: Readonly<Record<string, string>>;
  readonly trace: Readonly<Record<string, string>>;
  readonly assertion?: Assertion | undefined;
  /** Why a platform user id names no user, although `platformUserId` says that it does. */
  readonly unidentified?: string | undefined;
}

/**
 * Everything known about who is asking, for one request; it ends with its turn. Holds no token: the
 * verified user token is kept beside it, out of reach of printing, spreading and cloning.
 *
 * Entry point: `hosted-agent-identity`. Made by `userContext()`, `createUserContext()` and the adapters.
 * @group Context
 */
export class UserContext {
  /** The key for anything kept for this user; absent when the request identifies no user. */
  declare readonly principal?: Principal;
  /** The user of the verified token; absent without one. `proof` says how strong the proof is. */
  declare readonly user?: VerifiedUser;
  /**
   * What the verified user token is good for; absent without one. `app`: it was issued for this agent. `resource`: it
   * was issued for a resource of `passthroughTo`, whose server may have sent it, so it does not prove that the user
   * called this agent. Keep a user's data under `principalKey`, which differs between the two.
   */
  declare readonly proof?: "app" | "resource";
  readonly platform: PlatformContext;
  /** The caller's own `x-client-*` headers, lower case, without the one that held the user token. */
  readonly clientHeaders: Readonly<Record<string, string>>;
  /** Tracing headers of the request, lower case. */
  readonly trace: Readonly<Record<string, string>>;

  /** @internal Contexts are made by the middleware and `createUserContext()`. */
  constructor(parts: UserContextParts) {
    if (parts.principal !== undefined) {
      checkServed(parts.principal);
      this.principal = Object.freeze({ ...parts.principal });
    }
    if (parts.user !== undefined) this.user = Object.freeze({ ...parts.user });
    if (parts.assertion !== undefined) this.proof = parts.assertion.use;
    this.platform = Object.freeze({ ...parts.platform });
    this.clientHeaders = Object.freeze({ ...parts.clientHeaders });
    this.trace = Object.freeze({ ...parts.trace });
    const internals: ContextInternals = {
      assertion: parts.assertion,
      unidentified: parts.unidentified,
      principalKey: this.principal === undefined ? undefined : principalKey(this.principal),
      consentRequests: [],
      signInDemand: undefined,
      consentListeners: new Set(),
      endListeners: new Set(),
      acquisitions: new Set(),
      refusals: new Map(),
      cacheKeys: new WeakMap(),
      uses: [],
      turns: 0,
      serverTroubles: new Map(),
      toolCalls: [],
      inFlight: new Set(),
      ownBody: undefined,
      ended: false,
    };
    contextSlot().internals.set(this, internals);
    Object.freeze(this);
  }

  /** The principal as canonical JSON: a key for what you keep for this user. */
  get principalKey(): string | undefined {
    return keptBeside(this).principalKey;
  }

  /** Whether the request brought a user token that was verified. */
  get hasUserToken(): boolean {
    return keptBeside(this).assertion !== undefined;
  }

  /** Whether the turn is over; nothing can be acquired any more. */
  get ended(): boolean {
    return keptBeside(this).ended;
  }

  /** What the user was asked to do in this turn, so far. */
  get consentRequests(): readonly ConsentRequest[] {
    return [...keptBeside(this).consentRequests];
  }

  /** Ends the turn: acquiring for this user throws `context_ended` from now on. Does nothing the second time. */
  end(): void {
    const internals = keptBeside(this);
    if (internals.ended) return;
    internals.ended = true;
    for (const listener of internals.endListeners) listener();
    internals.endListeners.clear();
    internals.consentListeners.clear();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** Ids and display names only; client headers may hold anything, so only their names are shown. */
  toJSON(): Record<string, unknown> {
    const { principal, user, proof, platform } = this;
    return {
      principal,
      user,
      proof,
      platform,
      clientHeaders: Object.keys(this.clientHeaders),
      trace: this.trace,
    };
  }

  static {
    Object.defineProperty(UserContext.prototype, inspect.custom, {
      value(this: UserContext): string {
        return `UserContext ${inspect(this.toJSON())}`;
      },
    });
  }
}
