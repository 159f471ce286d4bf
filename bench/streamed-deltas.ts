import { setTimeout as sleep } from "node:timers/promises";
import { responses } from "hosted-agent-identity";
import { contextOf, person } from "./people.js";
import { withSpaces } from "./rows.js";
import { timesMoreWithin } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 15;
const deltas = 10_000;
const warmUps = 8;
const open = 1_000;
/** By version: what promises and streams of the engine cost differs, by hand and through us. */
const budget = process.versions.node.startsWith("20.") ? 2 : 2.4;

/**
 * What a text costs that a run yields, until its event is read as bytes, over a stream that writes the same event by
 * hand; and what a stream takes that is open.
 */
export async function streamedDeltas(): Promise<readonly Row[]> {
  for (let time = 0; time < warmUps; time += 1) {
    await drained(await answer(texts));
    await drained(byHand());
  }
  const { times, taken } = await timesMoreWithin(budget, rounds, ["ours", "byHand"], {
    ours: () => perDelta(() => answer(texts)),
    byHand: () => perDelta(async () => byHand()),
  });
  const kept = await perOpenStream();
  return [
    {
      what: "cpu of a delta through responses(), over hand-written SSE",
      unit: "times",
      budget,
      ours: times,
      note: `${Math.min(...taken.byHand).toPrecision(3)} µs by hand, a ReadableStream in the same process.`,
    },
    { what: `memory of a stream, of ${withSpaces(open)} open ones`, unit: "kB", budget: 50, ours: kept },
  ];
}

async function* texts(): AsyncGenerator<string> {
  for (let at = 0; at < deltas; at += 1) yield "word ";
}

/** What an agent answers, as a host of web-standard requests reads it. */
async function answer(run: () => AsyncIterable<string>): Promise<ReadableStream<Uint8Array>> {
  const request = new Request("https://agent.example.com/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "hello", stream: true }),
  });
  const response = await responses(run)(request, contextOf(person(0)));
  if (response.status !== 200 || response.body === null) throw new Error("the turn was refused");
  return response.body;
}

/** The least that a developer writes: no lifecycle of the item, no end, no check, no context. */
function byHand(): ReadableStream<Uint8Array> {
  const run = texts();
  const encoder = new TextEncoder();
  const item_id = `msg_${"0".repeat(50)}`;
  let sequence_number = 0;
  return new ReadableStream({
    async pull(controller) {
      const { done, value: delta } = await run.next();
      if (done === true) return controller.close();
      const type = "response.output_text.delta";
      const place = { item_id, output_index: 0, content_index: 0 };
      const event = { type, ...place, delta, logprobs: [], sequence_number: sequence_number++ };
      controller.enqueue(encoder.encode(`event: ${type}\ndata: ${JSON.stringify(event)}\n\n`));
    },
  });
}

/** Microseconds of the processor for each delta. */
async function perDelta(stream: () => Promise<ReadableStream<Uint8Array>>): Promise<number> {
  // What the other one has left behind is not cleared away in this one's time.
  globalThis.gc?.();
  const before = process.cpuUsage();
  await drained(await stream());
  const { user, system } = process.cpuUsage(before);
  return (user + system) / deltas;
}

async function drained(stream: ReadableStream<Uint8Array>): Promise<void> {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
}

/** Kilobytes of heap that an open stream takes which has said a few words: its request, context and turn. */
async function perOpenStream(): Promise<number> {
  const opened = async (): Promise<readonly (() => Promise<void>)[]> =>
    Promise.all(
      Array.from({ length: open }, async () => {
        let end = (): void => {};
        const ended = new Promise<void>((resolve) => {
          end = resolve;
        });
        const reader = (
          await answer(async function* () {
            for (let at = 0; at < 20; at += 1) yield "word ";
            await ended;
          })
        ).getReader();
        // The events before the texts, and the texts.
        for (let at = 0; at < 24; at += 1) await reader.read();
        return async () => {
          end();
          while (!(await reader.read()).done);
        };
      }),
    );
  for (const end of await opened()) await end();
  const before = await heapUsed();
  const ends = await opened();
  const after = await heapUsed();
  for (const end of ends) await end();
  return (after - before) / open / 1_000;
}

async function heapUsed(): Promise<number> {
  if (globalThis.gc === undefined) throw new Error("memory is measured with --expose-gc");
  for (let time = 0; time < 4; time += 1) {
    await sleep(20);
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}
