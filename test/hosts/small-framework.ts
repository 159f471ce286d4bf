import { inspect } from "node:util";
import type { UserAccess } from "hosted-agent-identity";

/** Everything the model of a run was given. */
export type SeenByTheModel = string[];

/** One run of an agent. */
export interface RunOptions {
  readonly prompt: string;
  readonly access: UserAccess;
  readonly seen: SeenByTheModel;
  /** Settles when everybody who is to be in their tools at the same time is. */
  readonly meanwhile?: () => Promise<void>;
}

/**
 * An agent framework as most are: it knows nothing of users or consent, gives the tool's result to the model,
 * and makes text of a tool's error, as much of it as it can get.
 */
export async function* runAgent(options: RunOptions): AsyncGenerator<string> {
  const { prompt, seen } = options;
  seen.push(prompt);
  yield "Let me look. ";
  const result = await callTool(options);
  seen.push(result);
  // The second step of the model.
  yield `I found: ${result}`;
}

/** The same, for hosts that want the whole answer. */
export async function answerOf(options: RunOptions): Promise<string> {
  let text = "";
  for await (const piece of runAgent(options)) text += piece;
  return text;
}

async function callTool({ access, meanwhile }: RunOptions): Promise<string> {
  try {
    await meanwhile?.();
    const { token } = await access.token();
    await meanwhile?.();
    return token;
  } catch (error) {
    return [
      String(error),
      (error as Error).message,
      JSON.stringify(error),
      inspect(error, { depth: 9 }),
    ].join("\n");
  }
}

/** Settles when as many have come. */
export function barrier(count: number): () => Promise<void> {
  let waiting: (() => void)[] = [];
  return () =>
    new Promise((go) => {
      waiting.push(go);
      if (waiting.length < count) return;
      for (const one of waiting) one();
      waiting = [];
    });
}
