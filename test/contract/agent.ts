import type { ResponsesOptions, ResponsesRun, UserContextOptions } from "hosted-agent-identity";
import type { ResponseEvent } from "hosted-agent-identity/turn";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import type { RunningHost } from "../support/listening.js";

/** An agent on a real socket, and a client without a library. */
export interface ContractAgent {
  post(body: unknown, init?: RequestInit): Promise<Response>;
  /** The finished response of a plain request. */
  plain(body: unknown): Promise<WireResponse>;
  /** The events of a streamed request. */
  streamed(body: Record<string, unknown>): Promise<ResponseEvent[]>;
  close(): Promise<void>;
}

type WireResponse = Record<string, unknown> & { readonly output: Record<string, unknown>[] };

/** The adapters; those whose framework answers a broken body in its own form are named by their parser. */
export const adapters = Object.entries(responsesHosts);

/** Starts an agent, on Express unless a host is given. */
export async function startAgent(
  run: ResponsesRun = echo,
  options?: ResponsesOptions,
  users?: UserContextOptions,
  start: StartHost | undefined = responsesHosts["express"],
): Promise<ContractAgent> {
  const host: RunningHost = await (start as StartHost)(run, options, users);
  const post = (body: unknown, init: RequestInit = {}): Promise<Response> =>
    fetch(`${host.url}/responses`, {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      ...init,
      headers: { "content-type": "application/json", ...init.headers },
    });
  return {
    post,
    plain: async (body) => (await (await post(body)).json()) as WireResponse,
    streamed: async (body) => eventsOf(await (await post({ ...body, stream: true })).text()),
    close: () => host.close(),
  };
}

export const echo: ResponsesRun = async function* ({ input }) {
  yield `You said ${input}`;
};

/** The events of server-sent text, whatever comments are between them. */
export function eventsOf(text: string): ResponseEvent[] {
  return text
    .split("\n\n")
    .filter((block) => block.startsWith("event: "))
    .map((block) => JSON.parse(block.slice(block.indexOf("\ndata: ") + 7)) as ResponseEvent);
}

/** The response objects that stand in events, in order. */
export function statesOf(events: readonly ResponseEvent[]): WireResponse[] {
  return events.flatMap(({ response }) =>
    response === undefined ? [] : [response as unknown as WireResponse],
  );
}

/** An id of a response that came before. */
export const earlierId = `caresp_${"0".repeat(18)}${"a".repeat(32)}`;
