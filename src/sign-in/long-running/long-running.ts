import { runWithoutUserContext, runWithUserContext } from "../../context/ambient.js";
import { UserContext } from "../../context/user-context.js";
import { check, label } from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import type { Grants } from "../grants/grant.js";
import { ownGrantKey } from "../grants/grant-owner.js";
import type { SignInContext } from "../sign-in-context.js";
import { beginWork } from "./begin-work.js";
import { endWork, findWork, refused, watchWork, type LongRunningState } from "./running-work.js";
import { workRecords, type Work } from "./work.js";

/**
 * The purpose of work that goes on after the turn, and how long it may act for the user.
 * @group Sign-in
 */
export interface LongRunningOptions {
  /** In your own words, 1 to 200 characters. The work runs for this purpose only, and events name it. */
  readonly purpose: string;
  /** The latest time at which it ends. At most 24 hours from now, unless `longRunningMs` says otherwise. */
  readonly until: Date;
}

/**
 * A run of long-running work.
 * @group Sign-in
 */
export interface LongRunningTurn {
  /** The user's context. It ends with the function. Async code finds it by itself, as in a turn. */
  readonly context: UserContext;
  /** Aborts when the work may no longer act for the user. */
  readonly signal: AbortSignal;
}

/** Work that outlives its turn. */
export interface LongRunning {
  /**
   * Lets work go on for the user of a running turn, and returns the id for `runAs`. The work ends at `until`, or
   * earlier when the user signs out, disconnects the account, is disabled or has the session revoked.
   *
   * If the user has not signed in, the user token is exchanged once for a refresh token of the work's own. Throws
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
  /** Ends the work. The signal of a running function aborts, in other processes within a minute. */
  stop(id: string): Promise<void>;
  /** The grant that a context uses. */
  grantKeyOf(context: UserContext): string | undefined;
}

/** How long work may last. */
export interface LongRunningLimits {
  /** Default 24 hours. */
  readonly maxMs?: number;
}

const dayMs = 24 * 3_600_000;

/** The long-running work of one agent. */
export function longRunning(
  core: SignInContext,
  grants: Grants,
  limits: LongRunningLimits = {},
): LongRunning {
  const { maxMs = dayMs } = limits;
  const state: LongRunningState = {
    core,
    grants,
    records: workRecords(core),
    grantKeys: new WeakMap(),
    watching: new Set(),
  };
  return {
    async start(context, options) {
      const { purpose, until } = readOptions("longRunning", longRunningOptions, options);
      const untilMs = until.getTime();
      if (!(untilMs > core.now() && untilMs <= core.now() + maxMs))
        throw invalid(
          "longRunning: until",
          `expected a time within the next ${Math.round(maxMs / 60_000)} minutes.`,
        );
      return runWithoutUserContext(() => beginWork(state, context, purpose, untilMs));
    },
    async runAs(id, { purpose }, run) {
      const work = await runWithoutUserContext(() => findWork(state, id, purpose));
      return runWork(state, id, work, run);
    },
    async stop(id) {
      const work = await state.records.read(id);
      if (work !== undefined) await endWork(state, id, work);
    },
    grantKeyOf: (context) => state.grantKeys.get(context) ?? context.principalKey,
  };
}

/** Runs the function with a context of the work's user, which ends with the function or with the work. */
async function runWork<T>(
  state: LongRunningState,
  id: string,
  work: Work,
  run: (turn: LongRunningTurn) => T | Promise<T>,
): Promise<T> {
  const context = new UserContext({
    principal: work.principal,
    user: work.user,
    platform: { hosted: work.hosted },
    clientHeaders: {},
    trace: {},
  });
  if (work.ownGrant) state.grantKeys.set(context, ownGrantKey(id));
  const controller = new AbortController();
  const end = (): void => {
    context.end();
    if (!controller.signal.aborted) controller.abort(refused("The work has ended."));
  };
  const unwatch = runWithoutUserContext(() => watchWork(state, id, work, end));
  state.records.audit("used", id, work);
  try {
    return await runWithUserContext(context, () => run({ context, signal: controller.signal }));
  } finally {
    unwatch();
    context.end();
  }
}

/** The options of `longRunning()`. */
export const longRunningOptions: OptionTable<LongRunningOptions> = {
  purpose: label(200),
  until: check<Date>("object", "a Date", (date: Date) => Number.isFinite(date.getTime())),
};
