import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { mayElicit } from "../src/access/elicitation-messages.js";
import type { inspected } from "../src/access/inspected-answer.js";
import { withSpaces } from "./rows.js";
import { timesMoreWithin } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 9;
const budget = 1.5;
/** How long one measurement takes at least, in microseconds: less is lost in what else the machine does. */
const leastCost = 40_000;
/** Answers before the first measurement: the engine compiles what reads them. */
const warmUps = 3000;

const mega = 4 * 1024 * 1024;
/** Sizes of an answer, and of the pieces in which the server writes it. */
const answers = [
  { size: 1_024, piece: 1 },
  { size: 1_024, piece: 1_024 },
  { size: 60_000, piece: 1 },
  { size: 60_000, piece: 1_400 },
  { size: 60_000, piece: 65_536 },
  { size: mega, piece: 200 },
  { size: mega, piece: 1_400 },
  { size: mega, piece: 65_536 },
] as const;

const forms = ["JSON", "one event", "events of 200 bytes"] as const;
type Form = (typeof forms)[number];

/**
 * What it costs to fetch and read the answer of a server on this machine with us in between, over what it costs without
 * us, in time of the processor. The server may ask for a URL in it, or a toolbox for consent.
 */
export async function inspectedAnswers(): Promise<readonly Row[]> {
  const server = fork(fileURLToPath(new URL("./answering-server.js", import.meta.url)), {
    execArgv: [],
    serialization: "advanced",
  });
  try {
    const [port] = (await once(server, "message")) as [number];
    const inspects = await asPublished();
    const rows: Row[] = [];
    for (const form of forms)
      for (const shape of answers) {
        rows.push(await rowOf(server, port, inspects, form, shape));
      }
    return rows;
  } finally {
    server.kill();
  }
}

async function rowOf(
  server: ChildProcess,
  port: number,
  inspects: Inspects,
  form: Form,
  { size, piece }: (typeof answers)[number],
): Promise<Row> {
  const path = `/${encodeURIComponent(form)}/${size}/${piece}`;
  server.send({ path, head: headOf(form), body: answer(form, size), piece });
  await once(server, "message");
  const fetched = (): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`);
  const warm = Math.min(warmUps, Math.ceil((4 * mega) / size));
  await cost(warm, async () => read(await inspects(await fetched())));
  const plain = await cost(warm, async () => read(await fetched()));
  const times = Math.max(8, Math.ceil(leastCost / plain));
  const { times: ratio, taken } = await timesMoreWithin(budget, rounds, ["ours", "plain"], {
    ours: () => cost(times, async () => read(await inspects(await fetched()))),
    plain: () => cost(times, async () => read(await fetched())),
  });
  return {
    what: `cpu of an answer over a plain read, ${form}, ${withSpaces(size)} bytes in pieces of ${withSpaces(piece)}`,
    unit: "times",
    budget,
    ours: ratio,
    note: `${Math.min(...taken.plain).toPrecision(3)} µs without us.`,
  };
}

type Inspects = (answer: Response) => Promise<Response>;

/** What looks at an answer, translated as for the package: the loader of the bench adds a call to each function. */
async function asPublished(): Promise<Inspects> {
  const contents = `
    export { inspected } from "./inspected-answer.js";
    export { mayElicit } from "./elicitation-messages.js";`;
  const resolveDir = fileURLToPath(new URL("../src/access", import.meta.url));
  const { outputFiles } = await build({
    stdin: { contents, resolveDir },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    write: false,
  });
  const code = outputFiles[0]?.text ?? "";
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    inspected: typeof inspected;
    mayElicit: typeof mayElicit;
  };
  const judge = { mayConcern: module.mayElicit, judge: () => undefined };
  return (answer) => module.inspected(answer, judge, true);
}

function headOf(form: Form): string {
  return form === "JSON" ? "application/json" : "text/event-stream";
}

/** An answer of about so many bytes; its text holds a table as JSON, as tools return it. */
function answer(form: Form, size: number): Uint8Array {
  if (form === "events of 200 bytes") {
    const params = { progressToken: 1, progress: 1, message: "m".repeat(85) };
    const message = JSON.stringify({ jsonrpc: "2.0", method: "notifications/progress", params });
    return Buffer.from(`event: message\ndata: ${message}\n\n`.repeat(Math.ceil(size / 200)));
  }
  const people = Array.from({ length: Math.ceil(size / 30) }, (_, visits) => ({ name: "Ada", visits }));
  const text = JSON.stringify(people).slice(0, size * 0.75);
  const message = JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text }] } });
  return Buffer.from(form === "JSON" ? message : `event: message\ndata: ${message}\n\n`);
}

async function read(answered: Response): Promise<void> {
  const reader = (answered.body as ReadableStream<Uint8Array>).getReader();
  while (!(await reader.read()).done);
}

/** Microseconds of the processor for each time. */
async function cost(times: number, work: () => Promise<void>): Promise<number> {
  // What the other one has left behind is not cleared away in this one's time.
  globalThis.gc?.();
  const before = process.cpuUsage();
  for (let n = 0; n < times; n += 1) await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}
