import { setTimeout as sleep } from "node:timers/promises";
import {
  bindUserContext,
  isHostedAgentIdentityError,
  tryGetUserContext,
  type UserContext,
} from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { readProfile, whoami, type RealClient } from "../support/mcp-clients.js";
import type { SeenRequest } from "../support/mcp-servers.js";
import type { IsolationWorld } from "./world.js";

/** What a run shows. Everything but `calls`, `refused` and `exchanges` must be 0 when people are kept apart. */
export interface Measured {
  calls: number;
  /** Answers, resource bodies and notifications that reached somebody they are not about. */
  wrong: number;
  /** Calls without an answer, notifications that did not come, and requests that carried no token. */
  without: number;
  /** Calls that were refused with a typed error, by its code. */
  refused: Record<string, number>;
  exchanges: number;
  /** Requests whose token the server no longer accepted; each was sent again with a fresh one. */
  expired: number;
}

/** How the current user gets a client for one call. */
export type WithClient = <T>(run: (client: RealClient) => Promise<T>) => Promise<T>;

export interface RunOptions {
  calls: number;
  random: () => number;
  /** How many turns run at the same time. */
  turns?: number;
  callsPerTurn?: number;
}

/** Runs streamed turns of all people, interleaved, and counts what reached whom. */
export async function measure(
  world: IsolationWorld,
  withClient: WithClient,
  ledger: ReturnType<typeof newLedger>,
  { calls, random, turns = 25, callsPerTurn = 10 }: RunOptions,
): Promise<Measured> {
  const result: Measured = { calls: 0, wrong: 0, without: 0, refused: {}, exchanges: 0, expired: 0 };
  const asked = new Map<string, number>();
  const firstSeen = world.server.seen.length;
  let left = calls;
  let next = 0;

  /** The agent: asks, and says whose data it saw. */
  async function* agent(oid: string, count: number): AsyncGenerator<string> {
    for (let i = 0; i < count; i += 1) {
      result.calls += 1;
      try {
        yield await (random() < 0.7 ? askWho(oid) : withClient(readProfile));
      } catch (error) {
        const code = isHostedAgentIdentityError(error) ? error.code : String(error);
        result.refused[code] = (result.refused[code] ?? 0) + 1;
        yield oid;
      }
    }
  }

  async function askWho(oid: string): Promise<string> {
    const nonce = `${oid} ${result.calls} ${random()}`;
    ledger.expect(nonce, oid);
    asked.set(oid, (asked.get(oid) ?? 0) + 1);
    const answer = await withClient((client) => whoami(client, nonce));
    return answer.nonce === nonce ? answer.caller : "the answer to another call";
  }

  /** The person: reads the stream from outside the context, as a server does. */
  async function talk(): Promise<void> {
    while (left > 0) {
      const count = Math.min(callsPerTurn, left);
      left -= count;
      const oid = world.users[next++ % world.users.length] ?? "";
      const context = await world.contextOf(oid);
      const stream =
        random() < 0.5 ? bindUserContext(agent(oid, count), context) : asResponse(agent(oid, count), context);
      let read = 0;
      for await (const caller of stream) {
        read += 1;
        if (caller !== oid) result.wrong += 1;
        await sleep(random() * 5);
      }
      result.without += count - read;
      if (!context.ended) result.wrong += 1;
    }
  }

  await Promise.all(Array.from({ length: turns }, talk));
  const refused = Object.values(result.refused).reduce((sum, n) => sum + n, 0);
  const seen = world.server.seen.slice(firstSeen);
  result.wrong += ledger.wrong();
  if (refused === 0) result.wrong += seenAsSomebodyElse(asked, seen);
  result.without += refused + (refused === 0 ? ledger.missing() : 0);
  result.without += seen.filter(({ token }) => token === "none").length;
  result.expired = seen.filter(({ token }) => token === "refused").length;
  result.exchanges = world.exchanges();
  return result;
}

/** How many calls the server counted for a person who did not make them. */
function seenAsSomebodyElse(asked: ReadonlyMap<string, number>, seen: readonly SeenRequest[]): number {
  const surplus = new Map<string, number>();
  for (const { rpc, token, caller } of seen) {
    if (rpc !== "tools/call" || token !== "accepted" || caller === undefined) continue;
    surplus.set(caller, (surplus.get(caller) ?? 0) + 1);
  }
  return [...surplus].reduce((sum, [oid, count]) => sum + Math.max(count - (asked.get(oid) ?? 0), 0), 0);
}

/** Which notification is whose, and whom it reached: the client's owner, and the context its handler ran in. */
export function newLedger() {
  const expected = new Map<string, string>();
  let strayed = 0;
  return {
    expect: (nonce: string, oid: string) => void expected.set(nonce, oid),
    notified({ caller, nonce }: { caller: string; nonce: string }, owner?: string) {
      const context = tryGetUserContext();
      const reached = context?.principal?.kind === "entra" ? context.principal.oid : undefined;
      const about = expected.get(nonce);
      expected.delete(nonce);
      if (about !== caller || reached !== caller || (owner !== undefined && owner !== caller)) strayed += 1;
    },
    wrong: () => strayed,
    missing: () => expected.size,
  };
}

/** The same turn as a Responses stream; what is read are its text deltas. */
async function* asResponse(run: AsyncGenerator<string>, context: UserContext): AsyncGenerator<string> {
  for await (const event of withConsent(() => run, { context })) {
    if (event.type === "response.output_text.delta") yield String(event["delta"]);
    if (event.type === "response.failed") throw new Error("the turn failed");
  }
}
