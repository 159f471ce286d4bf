import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../../../support/compiled.js";
import type { Arrived } from "../../../../src/sign-in/sign-in-internals.js";
import type { Chat } from "../person.js";
import type { Blow, Report, Start, Task } from "./messages.js";

/** A real process of the agent, seen from the test. */
export interface AgentProcess {
  /** The process for one deed of a person, and the blow that it is dealt meanwhile. */
  chat(user: string, blow: Blow | undefined): Chat;
  end(user: string, what: "sign out" | "revoke", blow: Blow | undefined): Promise<boolean>;
  isDead(): boolean;
  readonly died: Promise<"died">;
  stop(): Promise<void>;
}

/** How long a process that was stopped stands still, in milliseconds. */
const stillMs = 300;

/** `tell`: hears what the model was told and what its tool was given. */
export async function startAgentProcess(
  start: Start,
  tell: (what: Exclude<Report, { id: number }>) => void,
): Promise<AgentProcess> {
  const child = fork(compiled(new URL("agent-process.ts", import.meta.url)));
  const waiting = new Map<number, (report: Extract<Report, { id: number }>) => void>();
  let isDead = false;
  const died = once(child, "exit").then(() => {
    isDead = true;
    return "died" as const;
  });
  child.send(start);
  await once(child, "message");
  child.on("message", (report: Report) => {
    if ("id" in report) waiting.get(report.id)?.(report);
    else tell(report);
  });
  let count = 0;
  /** Never answered by a process that has ended. */
  const ask = async (task: Omit<Task, "id">): Promise<Extract<Report, { id: number }>> => {
    count += 1;
    const id = count;
    const answer = new Promise<Extract<Report, { id: number }>>((resolve) => waiting.set(id, resolve));
    // Whether it stands still, nobody but the system knows: it is told to go on from time to time.
    const waking =
      task.blow?.signal === "SIGSTOP" ? setInterval(() => child.kill("SIGCONT"), stillMs) : undefined;
    if (child.connected) child.send({ ...task, id }, () => undefined);
    try {
      const given = await Promise.race([answer, died]);
      return given === "died" ? await new Promise<never>(() => undefined) : given;
    } finally {
      clearInterval(waking);
      child.kill("SIGCONT");
    }
  };
  return {
    chat: (user, blow) => ({
      isDead: () => isDead,
      async say(_context, say) {
        const { told } = await ask({ user, blow, what: { say } });
        return told ?? { status: "failed", output: [] };
      },
      open: async (open, arrived: Arrived) => (await ask({ user, blow, what: { open, arrived } })).page,
    }),
    end: async (user, end, blow) => (await ask({ user, blow, what: { end } })).ended === true,
    isDead: () => isDead,
    died,
    async stop() {
      child.kill("SIGKILL");
      await died;
    },
  };
}
