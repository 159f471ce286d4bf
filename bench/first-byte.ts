import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { issuer } from "./signed-tokens.js";
import { agentApp, tenant } from "./people.js";
import { median, type Rounds, interleaved, timesMoreWithin } from "./statistics.js";
import type { Row } from "./table.js";

const coldRounds = 11;
const warmRounds = 11;
/** Turns before those that count: the engine compiles what answers them. */
const warmUps = 2500;
const turnsARound = 250;
const people = 100;

/**
 * What a turn needs before its first event: the digest of the token, its claims, the context, the checks of head and
 * body, ids, and the run's guard. A route without all this answers within a tenth of a millisecond on loopback.
 */
const budgets = { cold: 3, warm: 4.5 };
const goals = { cold: 1.5, warm: 1.2 };

const routes = ["ours", "bare"] as const;
type Route = (typeof routes)[number];

/**
 * From the last byte of a request to the first event of the answer, for an agent on `node:http`. It is `userContext()`
 * and `responses()` of a process that is ready, over a route in its own process that reads the same body and writes
 * the same events by hand. The token of a turn is new to the process in its first turn, and known in later ones, as
 * that of a person who goes on talking.
 */
export async function firstByte(): Promise<readonly Row[]> {
  const signer = issuer();
  const started = (route: Route) => startedAgent(route, signer.jwks);
  const cold = await timesMoreWithin(budgets.cold, coldRounds, ["ours", "bare"], {
    ours: () => firstTurn(() => started("ours"), signer.token(0)),
    bare: () => firstTurn(() => started("bare"), signer.token(0)),
  });
  const warm = await warmTurns(
    started,
    Array.from({ length: people }, (_, number) => signer.token(number)),
  );
  return [
    {
      what: "first SSE byte of a turn over a bare route, first turn of a process that is ready",
      unit: "times",
      budget: budgets.cold,
      goal: goals.cold,
      ours: cold.times,
      note: noteOf(cold.taken),
    },
    {
      what: "first SSE byte of a turn over a bare route, after many turns",
      unit: "times",
      budget: budgets.warm,
      goal: goals.warm,
      ours: warm.times,
      note: noteOf(warm.taken),
    },
  ];
}

function noteOf({ ours, bare }: Rounds<Route>): string {
  return `${median(ours).toPrecision(3)} ms over ${median(bare).toPrecision(3)} ms; the token of the person is verified in ours only.`;
}

interface Agent {
  /** Milliseconds until the first event of the answer to this person. */
  turn(token: string): Promise<number>;
  stop(): Promise<void>;
}

async function firstTurn(start: () => Promise<Agent>, token: string): Promise<number> {
  const agent = await start();
  try {
    return await agent.turn(token);
  } finally {
    await agent.stop();
  }
}

async function warmTurns(start: (route: Route) => Promise<Agent>, tokens: readonly string[]) {
  const agents = { ours: await start("ours"), bare: await start("bare") };
  const next = async (route: Route, count: number): Promise<number> => {
    const samples = new Float64Array(count);
    for (let at = 0; at < count; at += 1) samples[at] = await agents[route].turn(tokens[at % people] ?? "");
    return median(samples);
  };
  try {
    await interleaved(1, { ours: () => next("ours", warmUps), bare: () => next("bare", warmUps) });
    return await timesMoreWithin(budgets.warm, warmRounds, ["ours", "bare"], {
      ours: () => next("ours", turnsARound),
      bare: () => next("bare", turnsARound),
    });
  } finally {
    await agents.ours.stop();
    await agents.bare.stop();
  }
}

async function startedAgent(route: Route, jwks: object): Promise<Agent> {
  const child = fork(
    fileURLToPath(new URL("./first-byte/agent.js", import.meta.url)),
    [JSON.stringify({ route, jwks, agentApp, tenant })],
    { execArgv: [] },
  );
  const [port] = (await once(child, "message")) as [number];
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  await once(socket, "connect");
  return {
    turn: (token) => turnOn(socket, token),
    stop: async () => stopped(child, socket),
  };
}

async function stopped(child: ChildProcess, socket: Socket): Promise<void> {
  socket.destroy();
  const gone = once(child, "exit");
  child.kill();
  await gone;
}

const body = JSON.stringify({ model: "agent", input: "hello", stream: true });

/** One request on a connection that stays; settles when the answer has ended. */
function turnOn(socket: Socket, token: string): Promise<number> {
  const request = `POST /responses HTTP/1.1\r\nhost: agent\r\ncontent-type: application/json\r\nx-client-user-token: ${token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  return new Promise((resolve, reject) => {
    let text = "";
    let took: number | undefined;
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (took === undefined && text.includes("event: response.created\n")) took = performance.now() - begun;
      if (!text.endsWith("0\r\n\r\n")) return;
      socket.off("data", onData);
      if (took === undefined || !text.includes("response.completed"))
        reject(new Error(`the agent answered ${text.slice(0, 200)}`));
      else resolve(took);
    };
    socket.on("data", onData);
    const begun = performance.now();
    socket.write(request);
  });
}
