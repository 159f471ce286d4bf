import type { FoundryEmulator, FoundryOptions } from "hosted-agent-identity/testing";
import { openClient, type ClientKind, type RealClient } from "../../support/mcp-clients.js";
import { finished } from "./containers.js";
import { ask, type FoundryWorld } from "./world.js";

/** A request that the agent is answering, for as long as a test wants. */
export interface LiveCall {
  readonly callId: string;
  end(): Promise<void>;
}

export interface ToolboxBench {
  readonly foundry: FoundryEmulator;
  live(token: string, headers?: Record<string, string>): Promise<LiveCall>;
  /** A client of the toolbox, as the agent, for one call; without a call id for nobody but the token's owner. */
  client(options?: {
    kind?: ClientKind;
    toolbox?: string;
    version?: string;
    callId?: string | (() => string);
    token?: string;
  }): Promise<RealClient>;
}

/** A toolbox behind an agent that does nothing but wait. */
export async function toolboxBench(
  world: FoundryWorld,
  options: Partial<FoundryOptions>,
): Promise<ToolboxBench> {
  const waiting: ((callId: string) => Promise<void>)[] = [];
  const foundry = await world.start({
    readiness: "skip",
    agent: async (request) => {
      await waiting.shift()?.(request.headers.get("x-agent-foundry-call-id") ?? "");
      return Response.json(finished());
    },
    ...options,
  });
  return {
    foundry,
    async live(token, headers = {}) {
      let finish = (): void => {};
      let answered: Promise<Response> | undefined;
      const callId = await new Promise<string>((resolve, reject) => {
        waiting.push((id) => {
          resolve(id);
          return new Promise<void>((end) => (finish = end));
        });
        answered = ask(foundry, token, { input: "Hello" }, headers);
        answered.then(({ status }) => reject(new Error(`the request ended with ${status}`)), reject);
      });
      return {
        callId,
        async end() {
          finish();
          await (await answered)?.text();
        },
      };
    },
    async client({ kind = "v1", toolbox = "tools", version, callId, token } = {}) {
      const bearer = token ?? (await world.agentToken());
      return openClient(kind, foundry.toolboxUrl(toolbox, version), {
        fetch: (input, init) => {
          const headers = new Headers(init?.headers);
          headers.set("authorization", `Bearer ${bearer}`);
          headers.set("foundry-features", "Toolboxes=V1Preview");
          if (callId !== undefined)
            headers.set("x-agent-foundry-call-id", typeof callId === "string" ? callId : callId());
          return fetch(input, { ...init, headers });
        },
      });
    },
  };
}
