import type { EntraApp, EntraUser } from "../entra/directory-objects.js";
import type { EntraEmulator } from "../entra/emulator.js";
import { sendTo } from "./ask.js";
import type { Conversation } from "./conversation.js";
import type { IsolationChecker } from "./isolation-checker.js";
import { newNonce } from "./marks.js";
import type { IsolationSettings } from "./options.js";
import type { PlannedTurn } from "./plan.js";
import type { Random } from "./random.js";
import { replayMark } from "./witness-token.js";
import { witnessGate, type Witness } from "./witness.js";

/** What somebody does on purpose who has got hold of another's token or response id. */
export interface Attacks {
  /** Asks with each person's tokens for other apps, as a server could that was sent one by passthrough. */
  replays(turn: number): Promise<void>;
  /** Has others cancel a turn that waits for its MCP server. */
  cancels(turn: number): Promise<void>;
  readonly replaysChecked: number;
  readonly cancelsChecked: number;
}

export interface AttacksOptions {
  readonly settings: IsolationSettings;
  readonly entra: EntraEmulator;
  readonly witness: Witness;
  readonly agentApp: EntraApp;
  readonly users: readonly EntraUser[];
  readonly conversation: Conversation;
  readonly judge: IsolationChecker;
  readonly random: Random;
}

const asked: PlannedTurn = { pauseMs: 0, stream: true, thread: "new", renew: true, readMs: 0 };
/** How long a turn is kept waiting for its tool while others try to cancel it. */
const heldMs = 5_000;

export function startAttacks(options: AttacksOptions): Attacks {
  const { settings, entra, witness, agentApp, users, conversation, judge, random } = options;
  const { cancelPath = (id: string) => `/responses/${id}/cancel`, timeoutMs = 10_000 } = settings;
  const { tokenHeader = "x-client-user-token" } = settings;
  const others = entra.apps.filter((app) => app.clientId !== agentApp.clientId && app.scopes.length > 0);
  const counts = { replays: 0, cancels: 0 };

  const own = ({ oid }: EntraUser): Promise<string> =>
    entra.issueUserToken({ user: oid, app: agentApp.clientId });
  const replayed = ({ oid }: EntraUser, app: EntraApp): Promise<string> =>
    entra.issueUserToken({
      user: oid,
      app: app.clientId,
      client: agentApp.clientId,
      claims: { [replayMark]: true },
    });

  /** Asks, and calls `meanwhile` while the tool call of the answer is held. Returns how the turn ended. */
  async function held(
    user: EntraUser,
    turn: number,
    meanwhile: (responseId: string) => Promise<void>,
  ): Promise<{ readonly complete: boolean; readonly cancelled: boolean }> {
    const letOn = witness[witnessGate].hold({ random, crowd: () => Infinity, gatherMs: heldMs });
    let tried: Promise<void> | undefined;
    const answered = conversation.ask(user, turn, asked, await own(user), (responseId) => {
      tried = meanwhile(responseId).finally(letOn);
    });
    try {
      return (await answered).answer;
    } finally {
      letOn();
      await tried;
    }
  }

  async function cancel(responseId: string, token: string | undefined): Promise<string> {
    const bearer = tokenHeader.toLowerCase() === "authorization" ? `Bearer ${token}` : token;
    const headers = bearer === undefined || token === undefined ? {} : { [tokenHeader]: bearer };
    return sendTo({ agent: settings.agent, path: cancelPath(responseId), headers, timeoutMs });
  }

  /** Each who may not cancel a turn of this person. */
  function strangers(owner: EntraUser): readonly Stranger[] {
    const another = users.find(({ oid }) => oid !== owner.oid);
    return [
      ...(another === undefined
        ? []
        : [{ name: another.name, user: another, token: () => own(another), replayed: false }]),
      {
        name: "somebody without a user token",
        user: undefined,
        token: async () => undefined,
        replayed: false,
      },
      ...others.map((app) => ({
        name: `a server with ${owner.name}'s token for ${app.name}`,
        user: owner,
        token: () => replayed(owner, app),
        replayed: true,
      })),
    ];
  }

  async function attempt(owner: EntraUser, turn: number, stranger: Stranger): Promise<boolean> {
    const { user, name } = stranger;
    const end = await held(owner, turn, async (responseId) => {
      const text = await cancel(responseId, await stranger.token());
      const question = { user, turn, stream: false, thread: "new", replayed: stranger.replayed } as const;
      judge.refused({ ...question, nonce: newNonce() }, text);
    });
    if (end.cancelled) judge.cancelled(owner, turn, name);
    return end.complete;
  }

  return {
    async replays(turn) {
      const all = users.flatMap((user) => others.map((app) => ({ user, app })));
      for (const { user, app } of all) {
        if (judge.faults.length > 0) return;
        counts.replays += 1;
        await conversation.ask(user, turn, { ...asked, replayed: true }, await replayed(user, app));
      }
    },

    async cancels(turn) {
      const [owner] = users;
      if (owner === undefined) return;
      // Where the person cannot cancel it either, nothing is shown by others who cannot.
      const { cancelled } = await held(owner, turn, async (responseId) => {
        await cancel(responseId, await own(owner));
      });
      if (!cancelled) return;
      for (const stranger of strangers(owner)) {
        if (judge.faults.length > 0) return;
        if (await attempt(owner, turn, stranger)) counts.cancels += 1;
      }
    },

    get replaysChecked() {
      return counts.replays;
    },
    get cancelsChecked() {
      return counts.cancels;
    },
  };
}

interface Stranger {
  readonly name: string;
  readonly user: EntraUser | undefined;
  readonly token: () => Promise<string | undefined>;
  readonly replayed: boolean;
}
