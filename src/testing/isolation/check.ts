import { randomInt } from "node:crypto";
import { invalid } from "../../options/invalid.js";
import { readOptions } from "../../options/option-table.js";
import type { EntraUser } from "../entra/directory-objects.js";
import { startAttacks } from "./attacks.js";
import { startConversation } from "./conversation.js";
import { isolationChecker } from "./isolation-checker.js";
import { isolationOptions, type IsolationOptions, type IsolationSettings } from "./options.js";
import { people, type Silence } from "./people.js";
import { planned } from "./plan.js";
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
 * When all is well again, somebody attacks: each person's tokens for the other apps of `entra` are sent to the agent, as
 * a server could that was sent one by passthrough, and others try to cancel a turn (`POST <agent>/responses/<id>/cancel`).
 *
 * The agent must call a tool of `witness`, or read its resource `witness://me`, for each question, and tell the user what came back. If it does not, the
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
  const settings = readOptions("checkIsolation", isolationOptions, options);
  const { entra, witness, turns, sharedConversations, seed = randomInt(2 ** 31) } = settings;
  const users = usersOf(settings);
  const agentApp = entra.app(settings.agentApp ?? "agent");
  const random = seeded(seed);
  const plan = planned(random, users.length, turns, sharedConversations);
  const judge = isolationChecker({
    users: entra.users,
    calls: witness.calls,
    holdsToken: (text) =>
      entra.issued.some(({ kind, value }) => kind.endsWith("_token") && text.includes(value)),
    seed,
  });
  const conversation = startConversation(settings, judge);
  const own = settings.troubles ?? [];
  const troubles = startTroubles({ entra, witness, own, questions: users.length * turns });
  const userToken = ({ oid }: EntraUser): Promise<string> =>
    entra.issueUserToken({ user: oid, app: agentApp.clientId });
  const { allAtOnce, plannedTurns, lastTurns } = people({
    users,
    plan,
    userToken,
    conversation,
    judge,
    troubles,
  });

  const attacks = startAttacks({ settings, entra, witness, agentApp, users, conversation, judge, random });
  /** When all is well: whatever is kept for people is at hand by now. */
  async function attacked(): Promise<void> {
    if (judge.faults.length === 0) await attacks.replays(turns + 2);
    letOn();
    if (judge.faults.length === 0) await attacks.cancels(turns + 3);
  }

  let silent: readonly Silence[] = [];
  const letOn = witness[witnessGate].hold({ random, crowd: () => conversation.underWay });
  try {
    const [silence] = await allAtOnce();
    if (silence === undefined) {
      await plannedTurns();
      await troubles.end();
      silent = await lastTurns();
      if (silent.length === 0) await attacked();
    } else {
      silent = [silence];
    }
  } finally {
    letOn();
    await troubles.end();
  }
  judge.finish();
  return {
    faults: [...judge.faults, ...silent.map((one) => unanswered(one, seed))],
    seed,
    questions: conversation.questions,
    answered: conversation.answered,
    tokensChecked: judge.tokensChecked,
    answersChecked: judge.answersChecked,
    elicitationsChecked: judge.elicitationsChecked,
    replaysChecked: attacks.replaysChecked,
    cancelsChecked: attacks.cancelsChecked,
    troubles: { ...troubles.counts },
  };
}

function unanswered({ who, turn, outcome }: Silence, seed: number): IsolationFault {
  const what =
    outcome === ""
      ? "was answered with nothing that shows whose data it is: let the agent call a tool of the witness, and tell the receipt or the object id that comes back"
      : `was not answered: ${outcome}`;
  return { kind: "unanswered", who, turn, text: `Question ${turn} of ${who} ${what} (seed ${seed}).` };
}

function usersOf({ entra, users }: IsolationSettings): readonly EntraUser[] {
  const all = users === undefined ? entra.users : users.map((ref) => entra.user(ref));
  const distinct = [...new Set(all)];
  if (distinct.length < 2)
    throw invalid(
      "checkIsolation: users",
      `expected two or more, to tell them apart, got ${distinct.length}.`,
    );
  return distinct;
}
