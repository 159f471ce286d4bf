import { once } from "node:events";
import { json } from "../entra/http.js";
import { answerRules, BrokenAnswer, type AnswerRule, type AnswerRuleName } from "./answer-rules.js";
import type { Asked } from "./calls.js";
import { checkResponse, type AnsweredResponse } from "./check-response.js";
import { checkStream, type StreamedEvent } from "./check-stream.js";
import type { ContainerAnswer } from "./container.js";
import { objectOf, type Exchange, type Handled } from "./exchange.js";
import { passedBack } from "./headers.js";
import { newIds } from "./ids.js";
import { note } from "./log.js";
import { eventCutter } from "./sse.js";
import { inputItemsOf } from "./store.js";
import { noteViolations } from "./violations.js";

/** Brings the container's answer to the caller; keeps it when it is a response. `asked`: of `POST /responses`. */
export async function relay(
  exchange: Exchange,
  answer: ContainerAnswer,
  asked: Asked | undefined,
): Promise<Handled> {
  noteViolations(exchange.entry, answer, asked);
  const isStream = /^text\/event-stream\b/i.test(headerOf(answer, "content-type"));
  if (asked !== undefined && answer.status < 300) {
    return isStream ? relayStream(exchange, answer, asked) : relayJson(exchange, answer, asked);
  }
  begin(exchange, answer);
  for await (const chunk of untilGone(exchange, answer.body)) await write(exchange, chunk);
  return finish(exchange);
}

async function relayJson(exchange: Exchange, answer: ContainerAnswer, asked: Asked): Promise<Handled> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of untilGone(exchange, answer.body)) chunks.push(chunk);
    if (exchange.gone.aborted) return "reset";
    keep(exchange, asked, checkResponse(parsed(Buffer.concat(chunks)), expected(exchange, asked)), undefined);
  } catch (error) {
    const { rule, status, text } = broken(exchange, error);
    const type = status < 500 ? "invalid_request_error" : "server_error";
    const body = { error: { message: text, type, param: null, code: type } };
    return json(status, body, { "x-emulator-refusal": rule });
  }
  begin(exchange, answer, asked);
  exchange.response.write(Buffer.concat(chunks));
  return finish(exchange);
}

/** Event by event, each as soon as it is whole: a broken one never arrives. */
async function relayStream(exchange: Exchange, answer: ContainerAnswer, asked: Asked): Promise<Handled> {
  const cutter = eventCutter();
  const check = checkStream(expected(exchange, asked));
  begin(exchange, answer, asked);
  try {
    for await (const chunk of untilGone(exchange, answer.body)) {
      for (const block of cutter.push(chunk)) {
        check.take(block);
        if (check.response !== undefined && !exchange.gone.aborted) {
          keep(exchange, asked, check.response, check.events);
        }
        await write(exchange, Buffer.from(block));
      }
    }
    if (exchange.gone.aborted) return "reset";
    check.end(cutter.rest());
  } catch (error) {
    if (exchange.gone.aborted) return "reset";
    const { text } = broken(exchange, error);
    if (check.response !== undefined) return finish(exchange);
    const sequence_number = check.events.length;
    const event = { type: "error", sequence_number, code: "server_error", message: text, param: null };
    exchange.response.write(`event: error\ndata: ${JSON.stringify(event)}\n\n`);
  }
  return finish(exchange);
}

function begin({ response, entry }: Exchange, answer: ContainerAnswer, asked?: Asked): void {
  const headers = passedBack(answer.headers);
  const has = (wanted: string): boolean => headers.some(([name]) => name.toLowerCase() === wanted);
  const session: [string, string][] =
    asked === undefined || has("x-agent-session-id") ? [] : [["x-agent-session-id", asked.call.sessionId]];
  response.writeHead(answer.status, [...headers, ...session].flat());
  response.flushHeaders();
  entry.status = answer.status;
}

async function write({ response, gone }: Exchange, chunk: Uint8Array): Promise<void> {
  if (gone.aborted || response.write(chunk)) return;
  await once(response, "drain", { signal: gone }).catch(() => {});
}

function finish({ response }: Exchange): Handled {
  response.end();
  return "written";
}

/** A container that breaks off is a connection that breaks off; a caller who is gone ends the reading. */
async function* untilGone({ gone }: Exchange, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch {
    if (!gone.aborted) throw new BrokenAnswer("terminal_missing");
  }
}

function keep(
  { state, entry }: Exchange,
  { call, body }: Asked,
  response: AnsweredResponse,
  events: readonly StreamedEvent[] | undefined,
): void {
  if (body["store"] === false || state.store.find(response.id, call.userId) !== undefined) return;
  const inputItems = inputItemsOf(body["input"], () => newIds.item(response.id));
  state.store.keep({ userId: call.userId, sessionId: call.sessionId, response, inputItems, events });
  entry.responseId = response.id;
}

function expected({ state }: Exchange, { chosenId }: Asked): Parameters<typeof checkResponse>[1] {
  return { chosenId, isTaken: (id) => state.store.entries.has(id) };
}

function broken({ entry }: Exchange, error: unknown): AnswerRule & { readonly rule: AnswerRuleName } {
  if (!(error instanceof BrokenAnswer)) throw error;
  entry.refusal = error.rule;
  note(entry, error.rule);
  return { ...answerRules[error.rule], rule: error.rule };
}

function parsed(bytes: Buffer): unknown {
  try {
    return objectOf(bytes);
  } catch {
    return undefined;
  }
}

function headerOf({ headers }: ContainerAnswer, wanted: string): string {
  return headers.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";
}
