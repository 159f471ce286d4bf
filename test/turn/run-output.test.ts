import { afterEach, describe, expect, it, vi } from "vitest";
import { responses, type RunEvent } from "hosted-agent-identity";
import { type ResponseEvent } from "hosted-agent-identity/turn";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

interface Seen {
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly output: readonly unknown[];
}

const onError = vi.fn();
let cleanedUp = 0;
afterEach(() => {
  onError.mockReset();
  cleanedUp = 0;
});

/** Answers one request with a run that yields text, this value, and text again. */
async function answered(value: unknown, stream: boolean): Promise<Seen> {
  const handle = responses(
    async function* () {
      try {
        yield "before ";
        yield value as string;
        yield "after";
      } finally {
        cleanedUp += 1;
      }
    },
    { onError },
  );
  const request = new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream }),
  });
  const response = await handle(request, contextOf("person"));
  expect(response.status).toBe(200);
  if (!stream) return (await response.json()) as Seen;
  const blocks = (await response.text()).trimEnd().split("\n\n");
  return checkedResponse(
    blocks.map((block) => JSON.parse(block.split("\ndata: ")[1] ?? "") as ResponseEvent),
  );
}

const cycle: { type: string; self?: unknown } = { type: "response.output_item.done" };
cycle.self = cycle;

/** The end of a model call that lists these items. */
function endOf(output: readonly unknown[]): object {
  return { type: "response.completed", response: { output } };
}

/** Each value that a run has been seen to yield, or could, and what its author has to read. */
const wrong: readonly (readonly [name: string, value: unknown, says: RegExp])[] = [
  ["undefined", undefined, /undefined.*Yield answer text as a string/],
  ["null", null, /null/],
  ["a number", 5, /number/],
  ["a boolean", true, /boolean/],
  ["a BigInt", 5n, /BigInt/],
  ["a symbol", Symbol("s"), /symbol|undefined/],
  ["a function", () => "text", /function/],
  ["an object", { name: "Ada" }, /object without a type/],
  ["a list of texts", ["a", "b"], /list/],
  ["a Buffer", Buffer.from("text"), /Buffer|binary/],
  ["an error", new Error("secret-of-the-run"), /object without a type/],
  ["a type that is no text", { type: 5 }, /object without a type/],
  ["a part of the AI SDK's stream", { type: "text-delta", text: "Hi" }, /text-delta.*aiSdkOutput/],
  ["an event of OpenAI Agents", { type: "raw_model_stream_event", data: {} }, /agentsOutput/],
  ["a bare item", { type: "function_call", name: "look", arguments: "{}" }, /response\.output_item\.done/],
  ["a bare message", { type: "message", content: [] }, /response\.output_item\.done/],
  ["a bare consent item", { type: "oauth_consent_request" }, /response\.output_item\.done/],
  ["an event with a BigInt", { type: "response.output_item.done", item: { type: "x", n: 1n } }, /BigInt/],
  ["an event with a cycle", cycle, /cycle/],
  ["an event whose toJSON throws", { type: "response.x", toJSON: () => JSON.parse("{") as never }, /throws/],
  ["an event whose name would break its line", { type: "response.x\ndata: y" }, /unknown type/],
  ["an event whose name has half a character", { type: "response.x\ud800" }, /unknown type/],
  ["a list whose second item has no type", endOf([{ type: "reasoning", summary: [] }, 5]), /no type/],
  ["an item without a type", { type: "response.output_item.added", item: {} }, /no type/],
  ["a delta for no item", { type: "response.output_text.delta", delta: "orphan" }, /plain text as a string/],
];

describe.each([true, false])("a run that yields, streamed: %s,", (stream) => {
  it.each(wrong)("%s ends the turn as failed, and says what to yield instead", async (_, value, says) => {
    const response = await answered(value, stream);
    expect(response).toMatchObject({ status: "failed", error: { code: "invalid_run_output" } });
    expect(response.error?.message).toMatch(says);
    expect(response.error?.message).not.toContain("secret");
    expect(response.output).toMatchObject([
      { type: "message", status: "incomplete", content: [{ text: "before " }] },
    ]);
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "invalid_run_output" }));
    expect(cleanedUp).toBe(1);
  });

  it.each([
    ["keepalive, which OpenAI sends on long calls", { type: "keepalive", sequence_number: 3 }],
    ["an event that nobody knows yet", { type: "response.from_next_year", data: [1] }],
  ])("%s goes on", async (_, value) => {
    const response = await answered(value, stream);
    expect(response).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "before after" }] }],
    });
    expect(onError).not.toHaveBeenCalled();
  });
});

it("a value that changes after it was yielded does not change what is sent", async () => {
  const item = { type: "reasoning", summary: [{ type: "summary_text", text: "first" }] };
  const handle = responses(async function* () {
    yield { type: "response.output_item.done", item } as RunEvent;
    item.summary = [{ type: "summary_text", text: 5n as never }];
    yield "Done.";
  });
  const body = JSON.stringify({ input: "x" });
  const request = new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  });
  expect(await (await handle(request, contextOf("person"))).json()).toMatchObject({
    status: "completed",
    output: [{ summary: [{ text: "first" }] }, { type: "message" }],
  });
});

/** Answers one request with a run that is no async generator. */
async function ended(run: () => unknown, stream: boolean): Promise<Seen> {
  const handle = responses(run as () => AsyncIterable<string>, { onError });
  const request = new Request("http://127.0.0.1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream }),
  });
  const text = await (await handle(request, contextOf("person"))).text();
  if (!stream) return JSON.parse(text) as Seen;
  const blocks = text.trimEnd().split("\n\n");
  return checkedResponse(
    blocks.map((block) => JSON.parse(block.split("\ndata: ")[1] ?? "") as ResponseEvent),
  );
}

async function* text(): AsyncGenerator<string> {
  yield "text";
}

function manual(value: unknown, onReturn: () => void): AsyncIterable<unknown> {
  const iterator = {
    next: async () => ({ done: false, value }),
    async return() {
      onReturn();
      return { done: true as const, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}

/** What functions that are no async generators return, and what their author has to read. */
const returned: readonly (readonly [name: string, run: () => unknown, says: RegExp])[] = [
  ["nothing", () => undefined, /returned a value of type undefined/],
  ["null", () => null, /returned null/],
  ["a text", () => "text", /returned a value of type string/],
  ["a list", () => ["text"], /returned a list/],
  ["a Response", () => new Response("text"), /no async iterable/],
  ["what a generator without async returns", () => ["text"].values(), /no async iterable/],
  ["a promise of a text", async () => "text", /returned a promise/],
  ["a promise of an async generator", async () => text(), /yield\* await/],
];

describe.each([true, false])("a run that returns, streamed: %s,", (stream) => {
  it.each(returned)("%s ends the turn as failed, and says how to write it", async (_, run, says) => {
    const response = await ended(run, stream);
    expect(response).toMatchObject({ status: "failed", error: { code: "invalid_run_output" }, output: [] });
    expect(response.error?.message).toMatch(says);
    expect(response.error?.message).toContain("async function*");
    expect(onError).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "invalid_run_output" }));
  });

  it("a promise that rejects fails with the author's own error, and leaves no rejection unhandled", async () => {
    const own = new Error("the agent's own bug");
    const response = await ended(() => Promise.reject(own), stream);
    await new Promise(setImmediate);
    expect(response).toMatchObject({ status: "failed", error: { code: "server_error" } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(own);
  });

  it("an iterator whose value is a promise ends as failed, and is returned", async () => {
    const onReturn = vi.fn();
    const response = await ended(() => manual(Promise.resolve("text"), onReturn), stream);
    expect(response).toMatchObject({ status: "failed", error: { code: "invalid_run_output" } });
    expect(response.error?.message).toContain("yielded a promise");
    expect(onReturn).toHaveBeenCalledOnce();
  });

  it("an iterator whose value is a promise that rejects fails with that error, and is returned", async () => {
    const own = new Error("the agent's own bug");
    const onReturn = vi.fn();
    const response = await ended(() => manual(Promise.reject(own), onReturn), stream);
    await new Promise(setImmediate);
    expect(response).toMatchObject({ status: "failed", error: { code: "server_error" } });
    expect(onError).toHaveBeenCalledExactlyOnceWith(own);
    expect(onReturn).toHaveBeenCalledOnce();
  });

  it.each<[string, () => unknown]>([
    ["a stream of texts", () => new Blob(["text"]).stream().pipeThrough(new TextDecoderStream())],
    ["an async iterable that is no generator", () => ({ [Symbol.asyncIterator]: () => text() })],
    ["a generator of another function", text],
  ])("%s answers", async (_, run) => {
    expect(await ended(run, stream)).toMatchObject({
      status: "completed",
      output: [{ content: [{ text: "text" }] }],
    });
  });
});
