import { inBackground } from "../../async/background-timer.js";
import { runWithoutUserContext, runWithUserContext } from "../../context/ambient.js";
import { liveInternalsOf, userNotIdentified } from "../../context/internals.js";
import { principalKey as keyOf } from "../../context/principal.js";
import { UserContext, type VerifiedUser } from "../../context/user-context.js";
import { check, label } from "../../options/checks.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { invalid } from "../../options/invalid.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { exchangeForGrant } from "../../exchange/on-behalf-of-exchange.js";
import type { SignInContext } from "../sign-in-context.js";
import type { Grants } from "../grants/grant.js";
import { entraBadResponseCauses } from "../../errors/causes/tokens.js";
import { workList } from "./work-list.js";
import { ownGrantKey } from "../grants/grant-owner.js";
import { workRecords, type Work } from "./work.js";

/**
 * What work that goes on after the turn is for, and how long it may act for the user.
 * @group Sign-in
 */
export interface LongRunningOptions {
  /** Your own words, 1 to 200 characters: the work can be taken up for this purpose only, and is audited by it. */
  readonly purpose: string;
  /** When it ends at the latest; at most 24 hours from now unless configured otherwise. */
  readonly until: Date;
}

/**
 * What runs for a user after the turn.
 * @group Sign-in
 */
export interface LongRunningTurn {
  /** The user's; it ends with the function. Async code finds it by itself, as in a turn. */
  readonly context: UserContext;
  /** Aborts when the work may not act for the user any more. */
  readonly signal: AbortSignal;
}

/** Work that outlives its turn. */
export interface LongRunning {
  /**
   * Lets work go on for the user of a running turn, and returns the id under which it is taken up. It ends at
   * its time, and when the user signs out, disconnects the account, is disabled or has the session revoked.
   *
   * Without a sign-in the user token is exchanged once for a refresh token of its own. Throws
   * `user_not_identified`, `long_running_refused`, `quota_reached`, `invalid_option`, `context_ended`,
   * `store_unavailable`, and what the exchange throws.
   */
  start(context: UserContext, options: LongRunningOptions): Promise<string>;
  /**
   * Runs a function as the user of the work, in any process of the same agent. Throws `long_running_refused`
   * for an id that is unknown, ended, or of another purpose or agent.
   */
  runAs<T>(
    id: string,
    options: { readonly purpose: string },
    run: (turn: LongRunningTurn) => T | Promise<T>,
  ): Promise<T>;
  /** Ends the work. What runs is told through its signal, within a minute in other processes. */
  stop(id: string): Promise<void>;
  /** The grant that a context uses. */
  grantKeyOf(context: UserContext): string | undefined;
}

/** How long work may last, and how it is watched. */
export interface LongRunningLimits {
  /** Default 24 hours. */
  readonly maxMs?: number;
}

const dayMs = 24 * 3_600_000;
/** A timer of Node.js cannot wait longer. */
const longestTimerMs = 2_147_483_647;
/** Within a minute every process notices that work has ended. */
const lookMs = 30_000;

/** Makes the long-running work of one agent. */
export function longRunning(
  core: SignInContext,
  grants: Grants,
  limits: LongRunningLimits = {},
): LongRunning {
  const { now } = core;
  const maxMs = limits.maxMs ?? dayMs;
  const records = workRecords(core);
  const { read, audit } = records;
  const grantKeys = new WeakMap<UserContext, string>();
  /** Looks at the work with this id, if it runs here. */
  const watching = new Set<(id: string) => void>();

  /** Whether the user still stands behind the work. */
  const isLive = async (id: string, work: Work): Promise<boolean> => {
    const principal = keyOf(work.principal);
    if ((await read(id)) === undefined || (await grants.generation(principal)) !== work.generation)
      return false;
    return (await grants.find(work.ownGrant ? ownGrantKey(id) : principal)) !== undefined;
  };

  /** Ends the context as soon as the work has ended, wherever that was said. Returns how to stop watching. */
  const watch = (id: string, work: Work, end: () => void): (() => void) => {
    let looking = false;
    const look = (): void => {
      if (looking) return;
      looking = true;
      // A store that is down says nothing; the tokens of the work run out by themselves.
      isLive(id, work)
        .then((live) => (live ? undefined : end()))
        .catch(() => {})
        .finally(() => (looking = false));
    };
    const mine = new Set([keyOf(work.principal), ownGrantKey(id)]);
    const unsubscribe = grants.subscribe((changed) => (mine.has(changed) ? look() : undefined));
    const stopped = (other: string): void => (other === id ? look() : undefined);
    watching.add(stopped);
    const looks = inBackground(setInterval(look, lookMs));
    const atEnd = inBackground(setTimeout(end, Math.min(work.until - now(), longestTimerMs)));
    return () => {
      unsubscribe();
      watching.delete(stopped);
      clearInterval(looks);
      clearTimeout(atEnd);
    };
  };

  const begin = async (context: UserContext, purpose: string, until: number): Promise<string> => {
    const { assertion } = liveInternalsOf(context);
    const { principal, principalKey, user } = context;
    if (principal === undefined || principalKey === undefined) throw userNotIdentified(context);
    const id = Buffer.from(core.random(32)).toString("base64url");
    const generation = await grants.generation(principalKey);
    const signedIn = (await grants.find(principalKey)) !== undefined;
    const works = workList(core, principalKey, async (other) => {
      const known = await read(other);
      return known !== undefined && isLive(other, known);
    });
    await works.check(generation);
    const work: Work = {
      v: 1,
      principal,
      ...(user === undefined ? {} : { user }),
      hosted: context.platform.hosted,
      purpose,
      until,
      generation,
      ownGrant: !signedIn,
    };
    const bytes = records.bytes(id, work);
    const count = (tokens = 0): Promise<void> =>
      works.add({ id, bytes: bytes + tokens, at: now(), until, generation });
    try {
      if (signedIn) await count();
      else {
        if (assertion?.use !== "app" || user === undefined)
          throw refused("The user has not signed in, and brought no token that could be exchanged.");
        const asked = { assertion: assertion.token, user, until };
        await keepExchange(core, grants, ownGrantKey(id), asked, count);
      }
      await records.keep(id, work);
    } catch (cause) {
      await works.remove(id).catch(() => undefined);
      throw cause;
    }
    // A sign-out that came meanwhile has not seen what was stored since.
    if (!signedIn && (await grants.generation(principalKey)) !== generation) {
      await drop(id, work);
      throw refused("The user has signed out.");
    }
    return id;
  };

  const drop = async (id: string, work: Work): Promise<void> => {
    await records.remove(id, work, grants);
    for (const look of watching) look(id);
  };

  const takeUp = async (id: string, purpose: string): Promise<Work> => {
    const work = await read(id);
    if (work === undefined) throw refused("The work is unknown here, or has ended.");
    if (work.purpose !== purpose)
      throw refused(`The work is for ${JSON.stringify(work.purpose)}, not for ${JSON.stringify(purpose)}.`);
    if (await isLive(id, work)) return work;
    await drop(id, work);
    throw refused("The user has signed out, or the session was revoked.");
  };

  return {
    async start(context, options) {
      const { purpose, until } = readOptions("longRunning", longRunningOptions, options);
      const untilMs = until.getTime();
      if (!(untilMs > now() && untilMs <= now() + maxMs))
        throw invalid(
          "longRunning: until",
          `expected a time within the next ${Math.round(maxMs / 60_000)} minutes.`,
        );
      return runWithoutUserContext(() => begin(context, purpose, untilMs));
    },

    async runAs(id, { purpose }, run) {
      const work = await runWithoutUserContext(() => takeUp(id, purpose));
      const context = new UserContext({
        principal: work.principal,
        user: work.user,
        platform: { hosted: work.hosted },
        clientHeaders: {},
        trace: {},
      });
      if (work.ownGrant) grantKeys.set(context, ownGrantKey(id));
      const controller = new AbortController();
      const end = (): void => {
        context.end();
        if (!controller.signal.aborted) controller.abort(refused("The work has ended."));
      };
      const unwatch = runWithoutUserContext(() => watch(id, work, end));
      audit("used", id, work);
      try {
        return await runWithUserContext(context, () => run({ context, signal: controller.signal }));
      } finally {
        unwatch();
        context.end();
      }
    },

    async stop(id) {
      const work = await read(id);
      if (work !== undefined) await drop(id, work);
    },

    grantKeyOf: (context) => grantKeys.get(context) ?? context.principalKey,
  };
}

/** A user token lives for an hour; what an exchange brings along can be refreshed. */
async function keepExchange(
  { app, resources }: SignInContext,
  grants: Grants,
  grantKey: string,
  { assertion, user, until }: { assertion: string; user: VerifiedUser; until: number },
  count: (bytes: number) => Promise<void>,
): Promise<void> {
  const [first] = resources;
  if (first === undefined) throw refused("There is no resource to work with.");
  const signal = new AbortController().signal;
  const { scopes, url: resource } = first;
  const request = { resource, assertion, account: user, scopes, claims: undefined, signal };
  const { refreshToken, token, expiresAt, refreshAt } = await exchangeOnBehalfOf(app, request);
  if (refreshToken === undefined)
    throw new HostedAgentIdentityError(
      "entra_bad_response",
      "The exchange brought no refresh token.",
      entraBadResponseCauses.noRefreshToken,
    );
  // Sealed text is a third longer.
  await count(Math.ceil(((refreshToken.length + token.length) * 4) / 3));
  await grants.keep(
    grantKey,
    {
      account: user,
      refreshToken,
      resources: resources.map(({ url }) => url),
      scopes: resources.flatMap((one) => one.scopes),
      until,
    },
    { token, expiresAt, refreshAt, resource, scopes },
  );
}

/** The options of `longRunning()`. The purpose is written into audit logs. */
export const longRunningOptions: OptionTable<LongRunningOptions> = {
  purpose: label(200),
  until: check<Date>("object", "a Date", (date: Date) => Number.isFinite(date.getTime())),
};

function refused(message: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("long_running_refused", message);
}
