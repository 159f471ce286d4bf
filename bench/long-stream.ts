import { responses } from "hosted-agent-identity";
import { contextOf, person } from "./people.js";
import { interleaved, timesMore } from "./statistics.js";
import { withSpaces } from "./rows.js";
import type { Row } from "./table.js";

const rounds = 5;
const short = 1_000;
const long = 200_000;

/**
 * What a delta costs in a long turn over what it costs in a short one, in time of the processor: a turn that kept
 * more to do for each delta would show here. The same number of deltas both times, so that neither gains from
 * compiled code.
 */
export async function longStream(): Promise<readonly Row[]> {
  const taken = await interleaved(rounds, {
    textShort: () => perDelta(text, short),
    textLong: () => perDelta(text, long),
    eventsShort: () => perDelta(events, short),
    eventsLong: () => perDelta(events, long),
  });
  return [row("text", taken.textLong, taken.textShort), row("events", taken.eventsLong, taken.eventsShort)];
}

function row(of: string, longer: readonly number[], shorter: readonly number[]): Row {
  return {
    what: `cpu of a delta, ${of}, ${withSpaces(long)} in a turn over ${withSpaces(short)}`,
    unit: "times",
    budget: 1.25,
    ours: timesMore(longer, shorter),
    note: `${Math.min(...shorter).toPrecision(3)} µs a delta in a short turn.`,
  };
}

type Run = (deltas: number) => AsyncIterable<string | { readonly type: "response.output_text.delta" }>;

async function* text(deltas: number): AsyncGenerator<string> {
  for (let at = 0; at < deltas; at += 1) yield "word ";
}

async function* events(deltas: number): AsyncGenerator<never> {
  const item = { type: "message", id: "msg_1", role: "assistant", status: "in_progress", content: [] };
  const place = { item_id: "msg_1", output_index: 0, content_index: 0 };
  const part = { type: "output_text", text: "", annotations: [] };
  yield { type: "response.output_item.added", output_index: 0, item } as never;
  yield { type: "response.content_part.added", ...place, part } as never;
  for (let at = 0; at < deltas; at += 1)
    yield { type: "response.output_text.delta", ...place, delta: "word ", logprobs: [] } as never;
}

/** Microseconds of the processor for each delta, whoever spends them: garbage collection is part of it. */
async function perDelta(run: Run, deltas: number): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < long; done += deltas) await streamed(run, deltas);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / long;
}

/** One turn, to a reader that drops what it reads. */
async function streamed(run: Run, deltas: number): Promise<void> {
  const request = new Request("https://agent.example.com/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "hello", stream: true }),
  });
  const response = await responses(() => run(deltas))(request, contextOf(person(0)));
  if (response.status !== 200 || response.body === null) throw new Error("the turn was refused");
  const reader = response.body.getReader();
  while (!(await reader.read()).done);
}
