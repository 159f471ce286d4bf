import { fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../../support/compiled.js";
import type { AgentAnswer, AgentStart, AgentTask } from "./messages.js";

/** A process of the agent, seen from the test. */
export interface AgentProcess {
  ask(task: AgentTask): Promise<AgentAnswer>;
  stop(): Promise<void>;
}

export async function startAgent(start: AgentStart): Promise<AgentProcess> {
  const child = fork(compiled(new URL("agent-process.ts", import.meta.url)));
  const ended = once(child, "exit");
  ended.catch(() => undefined);
  const asked = async (question: AgentStart | AgentTask): Promise<unknown> => {
    const early = ended.then(() => {
      throw new Error("The process ended early.");
    });
    const answer = once(child, "message");
    child.send(question);
    const [message] = (await Promise.race([answer, early])) as [unknown];
    return message;
  };
  await asked(start);
  return {
    ask: async (task) => (await asked(task)) as AgentAnswer,
    async stop() {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}
