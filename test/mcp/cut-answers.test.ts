import { afterEach, describe, expect, test, vi } from "vitest";
import { type FetchLike, foundryToolbox, runWithUserContext, type UserContext } from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { gate } from "../support/consenting-access.js";
import { accessTo } from "../support/eliciting-server.js";
import { slowServer as startSlowServer, type SlowServer } from "../support/slow-server.js";
import { contextOf } from "../support/test-users.js";
import { toolCallers } from "../support/tool-callers.js";
import { callContext, countingCredential, hostedEnvironment } from "../support/toolbox-users.js";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function slowServer(options?: { numbered: boolean }): Promise<SlowServer> {
  const server = await startSlowServer(options);
  stops.push(server.close);
  return server;
}

interface Options {
  readonly fetch: FetchLike;
  readonly silenceMs?: number;
}

/** What a transport is given. The label of each is "gateway". */
const ways = {
  "an MCP server": {
    context: () => contextOf("ana"),
    open: (url: string, options: Options) => accessTo(url, undefined, options),
  },
  "a toolbox": {
    context: () => callContext("call-1"),
    open: (url: string, options: Options) =>
      foundryToolbox({
        name: "gateway",
        projectEndpoint: new URL("/api/projects/p", url).href,
        credential: countingCredential(),
        environment: hostedEnvironment,
        ...options,
      }),
  },
};
type Way = keyof typeof ways;

/** A tool of the framework, and what tells when the answer to the call has begun. */
async function tool(
  name: string,
  way: Way,
  { url }: SlowServer,
  options: { readonly silenceMs?: number } = {},
): Promise<{ call: () => Promise<unknown>; begun: Promise<void> }> {
  const begun = gate();
  const access = ways[way].open(url, {
    fetch: async (input, init) => {
      const response = await fetch(input as string, init);
      if (String(init?.body).includes("tools/call")) begun.open();
      return response;
    },
    ...options,
  });
  stops.push(() => access.close());
  const caller = await toolCallers[name]!(access);
  stops.push(() => caller.close().catch(() => {}));
  return { call: () => caller.call(), begun: begun.promise };
}

const errorOf = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    (answer) => expect.fail(`nothing was thrown: ${JSON.stringify(answer)}`),
    (error: Error) => error,
  );
/** What an error and those behind it say: LangChain wraps them. */
const saidIn = (error: unknown): string =>
  error instanceof Error ? `${error.message}\n${saidIn(error.cause)}` : String(error ?? "");
/** OpenAI Agents withholds every word of an error at an address with a query, such as a toolbox's. */
const tells = (name: string, way: Way): boolean => name !== "OpenAI Agents" || way !== "a toolbox";
const stateOf = (context: UserContext) => {
  const { toolCalls, serverTroubles } = internalsOf(context);
  return [toolCalls.map(({ state }) => state), [...serverTroubles.values()].map(({ kind }) => kind)];
};
const callsOf = ({ requests }: SlowServer): number =>
  requests.filter((request) => request === "POST tools/call").length;

const table = Object.keys(toolCallers).flatMap((name) =>
  (Object.keys(ways) as Way[]).map((way): [string, Way] => [name, way]),
);

describe.each(table)("a tool that %s calls at %s", (name, way) => {
  test("ends in an error that says so within five seconds of a cut", { timeout: 15_000 }, async () => {
    const server = await slowServer();
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call, begun } = await tool(name, way, server);
      const failed = errorOf(call());
      await begun;
      const cutAt = performance.now();
      server.cut();
      const said = saidIn(await failed);
      if (tells(name, way)) expect(said).toContain('The connection to the MCP server "gateway" broke off');
      expect(performance.now() - cutAt).toBeLessThan(5000);
    });
    expect(stateOf(context)).toEqual([["failed"], ["unreachable"]]);
    expect(callsOf(server)).toBe(1);
  });

  test("answers all the same after a cut, if the server numbers its events", async () => {
    const server = await slowServer({ numbered: true });
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call, begun } = await tool(name, way, server);
      const answer = call();
      await begun;
      server.cut();
      server.finish();
      expect(JSON.stringify(await answer)).toContain("it is done");
    });
    expect(callsOf(server)).toBe(1);
    await vi.waitFor(() => expect(stateOf(context)).toEqual([["answered"], []]));
  });

  test("ends within the limit when the connection falls silent in the middle", async () => {
    const server = await slowServer();
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call } = await tool(name, way, server, { silenceMs: 1500 });
      const said = saidIn(await errorOf(call()));
      if (tells(name, way)) expect(said).toContain("broke off");
    });
    expect(stateOf(context)).toEqual([["failed"], ["unreachable"]]);
    expect(callsOf(server)).toBe(1);
  });

  test("ends within the limit when nothing is answered at all", async () => {
    const server = await slowServer();
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call } = await tool(name, way, server, { silenceMs: 1500 });
      server.meet("silence");
      const said = saidIn(await errorOf(call()));
      if (tells(name, way)) expect(said).toContain("silent for longer than silenceMs");
    });
    expect(stateOf(context)).toEqual([["failed"], ["unreachable"]]);
    expect(callsOf(server)).toBe(1);
  });

  test("is not called twice when the connection is reset before the answer begins", async () => {
    const server = await slowServer();
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call } = await tool(name, way, server);
      server.meet("reset");
      await errorOf(call());
    });
    expect(stateOf(context)).toEqual([["failed"], ["unreachable"]]);
    expect(callsOf(server)).toBe(1);
  });

  test("is told that the server lost the session between the list and the call", async () => {
    const server = await slowServer();
    const context = ways[way].context();
    await runWithUserContext(context, async () => {
      const { call } = await tool(name, way, server);
      server.forget();
      const said = saidIn(await errorOf(call()));
      if (tells(name, way)) expect(said).toContain('The MCP server "gateway" no longer knows the session');
    });
    expect(stateOf(context)).toEqual([["failed"], []]);
    expect(callsOf(server)).toBe(1);
  });
});

describe("a numbered stream", () => {
  test.each(Object.keys(ways) as Way[])(
    "of %s ends in an error when the server does not come back",
    { timeout: 15_000 },
    async (way) => {
      const server = await slowServer({ numbered: true });
      await runWithUserContext(ways[way].context(), async () => {
        const { call, begun } = await tool("AI SDK", way, server);
        const failed = errorOf(call());
        await begun;
        const cutAt = performance.now();
        server.http.close();
        server.cut();
        expect((await failed).message).toContain("broke off");
        expect(performance.now() - cutAt).toBeLessThan(5500);
      });
    },
  );
});
