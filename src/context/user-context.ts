import { AsyncLocalStorage } from "node:async_hooks";
import type { ConsentRequest } from "../errors.js";
import type { Assertion, ContextInternals } from "./state.js";
import { checkServed, principalKey, type Principal } from "./principal.js";
import { HostedAgentIdentityError } from "../errors.js";
import { processState } from "../runtime/process-state.js";

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
  /** Why the request identifies no user: which header, option or environment variable is missing. */
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
    contextSlot.internals.set(this, internals);
    Object.freeze(this);
  }

  /** The principal as canonical JSON: a key for what you keep for this user. */
  get principalKey(): string | undefined {
    return internalsOf(this).principalKey;
  }

  /** Whether the request brought a user token that was verified. */
  get hasUserToken(): boolean {
    return internalsOf(this).assertion !== undefined;
  }

  /** Whether the turn is over; nothing can be acquired any more. */
  get ended(): boolean {
    return internalsOf(this).ended;
  }

  /** What the user was asked to do in this turn, so far. */
  get consentRequests(): readonly ConsentRequest[] {
    return [...internalsOf(this).consentRequests];
  }

  /** Ends the turn: acquiring for this user throws `context_ended` from now on. Does nothing the second time. */
  end(): void {
    const internals = internalsOf(this);
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
    // As `inspect.custom` of node:util says, whose import would take longer than all of this file.
    Object.defineProperty(UserContext.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: UserContext, _depth: unknown, _options: unknown, inspect = JSON.stringify): string {
        return `UserContext ${inspect(this.toJSON())}`;
      },
    });
  }
}

/**
 * A client that a pool opens for one principal. What the client does by itself (the stream on which its server talks,
 * timers, reconnections) runs in its scope, and not in the context of the turn that happened to open it.
 */
export interface ClientScope {
  readonly principalKey: string;
  /** The context of the turn that opens the client. None once it is open: nothing runs for a user by itself. */
  opener: UserContext | undefined;
  /** The contexts of the turns that hold the client now, each once for each lease. */
  readonly turns: UserContext[];
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
  /** Ends the opening of a client that can never be open. Does nothing once it is. */
  readonly refuse: (error: HostedAgentIdentityError) => void;
}

/**
 * What all copies of this package in a process share of user contexts: a context that is set through one entry or
 * one install is seen by every other. Beside it stands only the state of Entra apps (`exchange/entra-app.ts`); the
 * command line, which runs alone in its process, keeps the secrets it hides.
 */
interface ContextSlot {
  readonly storage: AsyncLocalStorage<UserContext | ClientScope | undefined>;
  readonly internals: WeakMap<object, ContextInternals>;
  readonly byRequest: WeakMap<object, UserContext>;
  /** The principal key of the user whose MCP client a pool is closing. */
  readonly closing: AsyncLocalStorage<string>;
  /** Errors that were printed already. */
  readonly reported: WeakSet<object>;
}

/** The slot of this process. */
export const contextSlot: ContextSlot = processState("context/2", () => ({
  storage: new AsyncLocalStorage(),
  internals: new WeakMap(),
  byRequest: new WeakMap(),
  closing: new AsyncLocalStorage(),
  reported: new WeakSet(),
}));

/** What is kept beside a context made by this package. Throws `invalid_option` for anything else. */
export function internalsOf(context: object): ContextInternals {
  const internals = contextSlot.internals.get(context);
  if (internals === undefined) {
    throw new HostedAgentIdentityError(
      "invalid_option",
      "This is not a user context of this package (a copy or a spread of one holds no identity).",
    );
  }
  return internals;
}
