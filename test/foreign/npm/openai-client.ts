/** OpenAI's newest client, as a reader of a turn. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import OpenAI from "openai";
import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { check, isConsentLink, settings, versions } from "./reporting.ts";

versions("openai");
const client = new OpenAI({
  baseURL: settings.url,
  apiKey: "none",
  defaultHeaders: settings.headers,
  maxRetries: 0,
  timeout: 20_000,
});

interface Turn {
  readonly status: string;
  readonly text: string;
}

const turns: Readonly<Record<string, Turn>> = {
  whoami: { status: "completed", text: `Hello ${settings.oid}` },
  calendar: { status: "incomplete", text: "Let me look. " },
  empty: { status: "completed", text: "" },
  fail: { status: "failed", text: "I begin. " },
};

for (const [input, turn] of Object.entries(turns)) {
  await check(`create, ${input}`, async () => {
    expectTurn(await client.responses.create({ model: "agent", input }), input, turn);
  });

  await check(`create with stream: true, ${input}`, async () => {
    const events: ResponseStreamEvent[] = [];
    for await (const event of await client.responses.create({ model: "agent", input, stream: true }))
      events.push(event);
    expectEvents(events, turn);
    const last = events.at(-1);
    ok(last !== undefined && "response" in last);
    // The client fills output_text in only where it reads a whole response.
    expectTurn(last.response, input, turn, false);
  });

  await check(`responses.stream(), ${input}`, async () => {
    const events: ResponseStreamEvent[] = [];
    const stream = client.responses.stream({ model: "agent", input });
    for await (const event of stream) events.push(event);
    expectEvents(events, turn);
    expectTurn(await stream.finalResponse(), input, turn);
  });
}

function expectEvents(events: readonly ResponseStreamEvent[], { status, text }: Turn): void {
  strictEqual(events[0]?.type, "response.created");
  strictEqual(events.at(-1)?.type, `response.${status}`);
  deepStrictEqual(
    events.map((event) => event.sequence_number),
    events.map((_, n) => n),
  );
  strictEqual(
    events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join(""),
    text,
  );
}

function expectTurn(response: Response, input: string, { status, text }: Turn, hasText = true): void {
  strictEqual(response.status, status);
  if (hasText) strictEqual(response.output_text, text);
  // OpenAI's union of items does not know Foundry's consent request.
  const items: readonly { type: string; consent_link?: unknown; server_label?: unknown }[] = response.output;
  const consents = items.filter(({ type }) => type === "oauth_consent_request");
  strictEqual(consents.length, input === "calendar" ? 1 : 0);
  for (const consent of consents) {
    ok(isConsentLink(consent.consent_link), "the consent item has no link");
    strictEqual(consent.server_label, "calendar");
  }
  if (status !== "failed") return;
  ok(response.error?.code, "a failed response without a code");
  ok(response.error.message && !response.error.message.includes("internals"), "the message of the error");
}
