import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { answerRules, type AnswerRuleName } from "../../../src/testing/foundry/answer-rules.js";
import { block, eventsOf, finished, itemOf, responseId, type WireEvent } from "./containers.js";
import { ask, foundryWorld, type FoundryWorld } from "./world.js";

let world: FoundryWorld;
let token: string;
let answer: (chosen: string | null) => Response = () => Response.json({});

beforeAll(async () => {
  world = await foundryWorld();
  token = await world.tokenOf("Ada");
});
afterAll(() => world.close());

function start(choosesResponseIds = false): Promise<FoundryEmulator> {
  return world.start({
    readiness: "skip",
    choosesResponseIds,
    agent: (request) => answer(request.headers.get("x-agent-response-id")),
  });
}

/** Responses that storage does not take, by what is wrong with them. */
const wrongResponses: Partial<Record<AnswerRuleName, () => unknown>> = {
  not_a_response: () => ({ object: "list", data: [] }),
  incomplete_reason_unknown: () => incomplete({ incomplete_details: { reason: "oauth_consent_required" } }),
  incomplete_reason_misplaced: () => finished({ incomplete_details: { reason: "content_filter" } }),
  agent_reference_missing: () => finished({ agent_reference: { type: "agent_reference", name: "" } }),
  response_id_malformed: () => finished({ id: "resp_1" }),
  response_id_changes: () => finished(),
  status_unknown: () => finished({ status: "in_progress", completed_at: null }),
  completed_at_misplaced: () => incomplete({ completed_at: 2 }),
  error_misplaced: () => finished({ error: { code: "server_error", message: "no" } }),
  item_without_id: () => withItems((id) => [itemOf(id, { id: undefined })]),
  item_id_repeated: () => withItems((id) => [itemOf(id, { id: "msg_1" }), itemOf(id, { id: "msg_1" })]),
  item_of_another_response: () => withItems(() => [itemOf(responseId())]),
  item_of_another_agent: () => withItems((id) => [itemOf(id, { agent_reference: { name: "other" } })]),
  consent_item_incomplete: () => withItems((id) => [itemOf(id, { type: "oauth_consent_request" })]),
  response_id_not_chosen: () => finished(),
};

/** Streams that are none, by what is wrong with them. */
const wrongStreams: Partial<Record<AnswerRuleName, () => string>> = {
  event_malformed: () => "event: response.created\ndata: {\n\n",
  event_name_differs: () =>
    changed((blocks) => [blocks[0]?.replace("event: response.created", "event: message")]),
  event_with_id: () => changed(([first, ...rest]) => [`id: 0\n${first}`, ...rest]),
  done_marker: () => changed((blocks) => [...blocks.slice(0, -1), "data: [DONE]\n\n"]),
  sequence_broken: () => changed((blocks) => blocks.filter((_block, at) => at !== 2)),
  order_broken: () => renumbered((events) => events.slice(1)),
  terminal_missing: () => changed((blocks) => blocks.slice(0, -1)),
  status_differs: () =>
    renumbered((events) =>
      events.map((e) => (e.type === "response.completed" ? { ...e, type: "response.failed" } : e)),
    ),
  response_id_changes: () =>
    renumbered((events) =>
      events.map((e) => (e.type === "response.completed" ? { ...e, response: finished() } : e)),
    ),
  item_differs: () =>
    renumbered((events) => events.filter(({ type }) => !type.startsWith("response.output_item"))),
};

/** The ones that have a test of their own below. */
const apart: readonly AnswerRuleName[] = ["response_id_taken", "terminal_repeated"];

test("every rule is tried", () => {
  const tried = new Set([...Object.keys(wrongResponses), ...Object.keys(wrongStreams), ...apart]);
  expect([...tried].sort()).toEqual(Object.keys(answerRules).sort());
});

describe("storage does not take a response, sent whole, when", () => {
  const rules = Object.entries(wrongResponses).filter(([rule]) => rule !== "response_id_changes");
  test.each(rules)("%s", async (rule, wrong) => {
    const foundry = await start(rule === "response_id_not_chosen");
    answer = () => Response.json(wrong());
    const response = await ask(foundry, token, { input: "Hello" });
    const { status, text } = answerRules[rule as AnswerRuleName];
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { message: text } });
    expect(response.headers.get("x-emulator-refusal")).toBe(rule);
    expect(foundry.log.at(-2)).toMatchObject({ side: "caller", refusal: rule });
    expect(foundry.storedResponses).toEqual([]);
  });
});

describe("storage does not take a response, streamed, when", () => {
  const streams = {
    ...Object.fromEntries(
      Object.entries(wrongResponses)
        .filter(([rule]) => !["not_a_response", "status_unknown", "response_id_changes"].includes(rule))
        .map(([rule, wrong]) => [
          rule,
          () =>
            eventsOf(wrong() as Record<string, unknown>)
              .map(block)
              .join(""),
        ]),
    ),
    ...wrongStreams,
  };
  test.each(Object.entries(streams))("%s", async (rule, wrong) => {
    const foundry = await start(rule === "response_id_not_chosen");
    answer = () => sse(wrong());
    const response = await ask(foundry, token, { input: "Hello", stream: true });
    const blocks = (await response.text()).split("\n\n").filter((text) => text !== "");
    const types = blocks.map((text) => /^event: (.*)$/m.exec(text)?.[1]);
    expect(types.at(-1)).toBe("error");
    expect(types).not.toContain("response.completed");
    expect(types).not.toContain("response.incomplete");
    const last = JSON.parse(/^data: (.*)$/m.exec(blocks.at(-1) ?? "")?.[1] ?? "{}") as WireEvent;
    expect(last).toMatchObject({
      message: answerRules[rule as AnswerRuleName].text,
      sequence_number: blocks.length - 1,
    });
    expect(foundry.log.at(-2)).toMatchObject({ side: "caller", refusal: rule });
    expect(foundry.storedResponses).toEqual([]);
  });
});

test("an id is used once: another response does not take the place of a stored one", async () => {
  const foundry = await start();
  const response = finished();
  answer = () => Response.json(response);
  expect((await ask(foundry, token, { input: "Hello" })).status).toBe(200);
  expect((await ask(foundry, token, { input: "Hello" })).status).toBe(500);
  expect(foundry.log.filter(({ side }) => side === "caller").at(-1)?.refusal).toBe("response_id_taken");
});

test("nothing reaches the caller after the end of a response", async () => {
  const foundry = await start();
  const whole = eventsOf(finished());
  const more = { type: "response.completed", sequence_number: whole.length, response: finished() };
  answer = () => sse([...whole, more].map(block).join(""));
  const text = await (await ask(foundry, token, { input: "Hello", stream: true })).text();
  expect(text).toBe(whole.map(block).join(""));
  expect(foundry.log.find(({ side }) => side === "caller")?.refusal).toBe("terminal_repeated");
});

describe("storage takes", () => {
  const consent = {
    type: "oauth_consent_request",
    id: "oacr_1",
    consent_link: "https://example.com",
    server_label: "x",
  };
  test.each([
    ["a completed response", finished()],
    ["one that asks for consent, with no reason", incomplete({ output: [consent] })],
    [
      "one that was cut off for its length",
      incomplete({ incomplete_details: { reason: "max_output_tokens" } }),
    ],
    [
      "a failed one",
      finished({ status: "failed", completed_at: null, error: { code: "server_error", message: "no" } }),
    ],
    ["one with an id of the earlier generation", finished({ id: `resp_${"a".repeat(48)}`, output: [] })],
  ])("%s", async (_name, response) => {
    const foundry = await start();
    answer = () => sse(eventsOf(response).map(block).join(""));
    const text = await (await ask(foundry, token, { input: "Hello", stream: true })).text();
    expect(text).not.toContain("event: error");
    expect(foundry.storedResponses).toEqual([response["id"]]);
  });

  test("nothing that the caller did not want to be kept", async () => {
    const foundry = await start();
    answer = () => Response.json(finished());
    expect((await ask(foundry, token, { input: "Hello", store: false })).status).toBe(200);
    expect(foundry.storedResponses).toEqual([]);
  });
});

test("a chosen id reaches the container, and comes back", async () => {
  const foundry = await start(true);
  answer = (id) => Response.json(finished({ id, output: [] }));
  const { id } = (await (await ask(foundry, token, { input: "Hello" })).json()) as { id: string };
  expect(id).toMatch(/^caresp_[0-9a-f]{16}00[A-Za-z0-9]{32}$/);
  const next = await ask(foundry, token, { input: "Hello", previous_response_id: id });
  expect(((await next.json()) as { id: string }).id.slice(0, 25)).toBe(id.slice(0, 25));
});

function incomplete(over: Record<string, unknown> = {}): Record<string, unknown> {
  return finished({ status: "incomplete", completed_at: null, ...over });
}

function withItems(items: (id: string) => unknown[]): Record<string, unknown> {
  const response = finished();
  return { ...response, output: items(String(response["id"])) };
}

function changed(change: (blocks: string[]) => (string | undefined)[]): string {
  return change(eventsOf(finished()).map(block)).join("");
}

function renumbered(change: (events: WireEvent[]) => WireEvent[]): string {
  return change(eventsOf(finished()))
    .map((event, sequence_number) => block({ ...event, sequence_number } as WireEvent))
    .join("");
}

function sse(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}
