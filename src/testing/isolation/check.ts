import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { HostedAgentIdentityError } from "../../errors.js";
import type { EntraUser } from "../entra/directory.js";
import { startConversation, type Answered } from "./conversation.js";
import { startJudging } from "./judge.js";
import type { IsolationOptions } from "./options.js";
import { planned, type PlannedTurn } from "./plan.js";
import { seeded } from "./random.js";
import type { IsolationFault, IsolationReport } from "./report.js";
import { startTroubles } from "./troubles.js";
import { witnessGate } from "./witness.js";

/**
 * Whether an agent keeps people apart. Several people talk to it at the same time, streamed and not, in
 * conversations of their own and in a shared one; they leave and come back, and one comes without any token.
 * Meanwhile tokens wear out, MCP sessions are gone, Entra is slow, fails and throttles, and tool calls of several
 * people are answered in an order that no queue would give. Every token that reaches the witness is compared with
 * who asked, every answer with who is told it.
 *
 * The agent must call a tool of `witness` for each question, and tell the user what came back. If it does not, the
 * report says `unanswered`: an agent that is not shown to keep people apart has a fault.
 *
 * It stops asking at the first fault. It ends: each answer has `timeoutMs`, and there are `turns` of them one after the other for each person. Nothing
 * stays open. The emulator's other policies stay as they are.
 *
 * Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import test from "node:test";
 * import { checkIsolation, startEntra, startWitness, type EntraEmulator, type Witness } from "hosted-agent-identity/testing";
 *
 * declare function startMyAgent(entra: EntraEmulator, mcp: Witness["resource"]): Promise<{ url: string; close(): Promise<void> }>;
 *
 * test("my agent keeps people apart", async () => {
 *   await using entra = await startEntra({
 *     apps: [
 *       { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
 *       { name: "contacts", scopes: ["contacts.read"], preAuthorized: [{ client: "agent", scopes: ["contacts.read"] }] },
 *     ],
 *     users: ["Ada", "Bob", "Cy", "Dee", "Eve"].map((name) => ({ name })),
 *   });
 *   await using witness = await startWitness({ entra, app: "contacts", tools: ["whoami"] });
 *   const agent = await startMyAgent(entra, witness.resource);
 *   try {
 *     const report = await checkIsolation({ agent: agent.url, entra, witness });
 *     assert.deepEqual(report.faults, []);
 *   } finally {
 *     await agent.close();
 *   }
 * });
 * ```
 * @group Test kit
 */
export async function checkIsolation(options: IsolationOptions): Promise<IsolationReport> {
  const { entra, witness, turns, seed, sharedConversations } = withDefaults(options);
  const users = usersOf(options);
  const agentApp = entra.app(options.agentApp ?? "agent");
  const random = seeded(seed);
  const plan = planned(random, users.length, turns, sharedConversations);
  const judge = startJudging({
    users: entra.users,
    calls: witness.calls,
    holdsToken: (text) =>
      entra.issued.some(({ kind, value }) => kind.endsWith("_token") && text.includes(value)),
    seed,
  });
  const conversation = startConversation(options, judge);
  const own = options.troubles ?? [];
  const troubles = startTroubles({ entra, witness, own, questions: users.length * turns });
  const letOn = witness[witnessGate].hold({ random, crowd: () => conversation.underWay });
  const unanswered: IsolationFault[] = [];
  const userToken = ({ oid }: EntraUser): Promise<string> =>
    entra.issueUserToken({ user: oid, app: agentApp.clientId });

  /** One person's part of the plan. Ends with the first fault, whoever finds it. */
  async function talk(
    user: EntraUser,
    part: readonly (readonly [number, PlannedTurn])[],
  ): Promise<Answered[]> {
    const answers: Answered[] = [];
    let token = await userToken(user);
    for (const [turn, how] of part) {
      await sleep(how.pauseMs);
      if (judge.faults.length > 0) break;
      if (how.renew) token = await userToken(user);
      await troubles.before(user, how.trouble);
      answers.push(await conversation.ask(user, turn + 1, how, token));
    }
    return answers;
  }

  /** All is well again: now everybody has to be answered, at the latest when every wait is over. */
  async function lastQuestion(user: EntraUser): Promise<void> {
    const until = Date.now() + recoveryMs;
    while (judge.faults.length === 0) {
      const { answer, isItsOwn } = await conversation.ask(user, turns + 1, lastTurn, await userToken(user));
      if (isItsOwn) return;
      if (Date.now() > until)
        return void unanswered.push(noAnswer(user.name, turns + 1, answer.outcome, seed));
      await sleep(250);
    }
  }

  try {
    const parts = users.map((user, n) => ({ user, turnsOf: [...(plan[n] ?? []).entries()] }));
    const first = await allOf(parts.map(({ user, turnsOf }) => talk(user, turnsOf.slice(0, 1))));
    if (first.flat().some(({ isItsOwn }) => isItsOwn)) {
      await allOf(parts.map(({ user, turnsOf }) => talk(user, turnsOf.slice(1))));
      await troubles.end();
      await allOf(users.map(lastQuestion));
    } else {
      const [one] = first.flat();
      unanswered.push(noAnswer("everybody", 1, one?.answer.outcome ?? "", seed));
    }
  } finally {
    letOn();
    await troubles.end();
  }
  judge.finish();
  const { tokensChecked, answersChecked } = judge;
  const { questions, answered } = conversation;
  const faults = [...judge.faults, ...unanswered];
  return {
    faults,
    seed,
    questions,
    answered,
    tokensChecked,
    answersChecked,
    troubles: { ...troubles.counts },
  };
}

/** How long an agent may take until it serves everybody again. */
const recoveryMs = 10_000;

const lastTurn: PlannedTurn = { pauseMs: 0, stream: true, thread: "new", renew: true, readMs: 0 };

/** Waits for all of them, also where one fails: nobody talks on when the check is over. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

function noAnswer(who: string, turn: number, outcome: string, seed: number): IsolationFault {
  const what =
    outcome === ""
      ? "was answered with nothing that shows whose data it is: let the agent call a tool of the witness, and tell the receipt or the object id that comes back"
      : `was not answered: ${outcome}`;
  return { kind: "unanswered", who, turn, text: `Question ${turn} of ${who} ${what} (seed ${seed}).` };
}

function withDefaults({
  turns = 8,
  seed = randomInt(2 ** 31),
  sharedConversations = true,
  ...rest
}: IsolationOptions) {
  if (!Number.isInteger(turns) || turns < 2 || turns > 1000)
    throw invalid(`turns has to be 2 to 1000, not ${String(turns)}`);
  if (!Number.isInteger(seed)) throw invalid(`seed has to be a whole number, not ${String(seed)}`);
  return { ...rest, turns, seed, sharedConversations };
}

function usersOf({ entra, users }: IsolationOptions): readonly EntraUser[] {
  const all = users === undefined ? entra.users : users.map((ref) => entra.user(ref));
  const distinct = [...new Set(all)];
  if (distinct.length < 2) throw invalid("it takes two users or more to tell them apart");
  return distinct;
}

function invalid(what: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError("invalid_option", `checkIsolation: ${what}.`);
}
