import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import {
  createUserContext,
  responses,
  runningTurns,
  runWithUserContext,
  type UserContext,
} from "hosted-agent-identity";
import { envelopeCodes, type EnvelopeCode } from "../../src/errors/envelope-codes.js";

const turns = runningTurns();
const handler = responses(
  async function* ({ input }) {
    yield `You said ${input}`;
  },
  { turns, maxBodyBytes: 1024, onError: () => undefined },
);

const contexts: UserContext[] = [];
afterEach(() => {
  for (const context of contexts.splice(0)) context.end();
});

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: BodyInit;
  /** The headers of the platform; without them the request is of no hosted environment. */
  readonly platform?: Readonly<Record<string, string>>;
}

const asJson = (body: unknown): Sent => ({ body: JSON.stringify(body) });

/** What provokes each code over HTTP. */
const provoked: Readonly<Partial<Record<EnvelopeCode, Sent>>> = {
  method_not_allowed: { method: "PUT", body: "{}" },
  unsupported_media_type: { headers: { "content-type": "text/plain" }, body: "{}" },
  unsupported_content_encoding: { headers: { "content-encoding": "zstd" }, body: "{}" },
  invalid_encoding: { headers: { "content-encoding": "gzip" }, body: "{}" },
  request_too_large: asJson({ input: "x".repeat(2048) }),
  incomplete_body: {
    body: new ReadableStream({ start: (controller) => controller.error(new Error("connection reset")) }),
  },
  invalid_json: { body: "{" },
  request_too_complex: { body: `{"input":${"[".repeat(200)}${"]".repeat(200)}}` },
  invalid_request: asJson(["Hello"]),
  invalid_value: asJson({ input: 3 }),
  invalid_parameters: asJson({ input: "Hello", previous_response_id: "resp_of_another_kind" }),
  unsupported_parameter: asJson({ input: "Hello", background: true }),
  invalid_mode: asJson({ input: "Hello", stream_options: {} }),
  user_id_missing: { ...asJson({ input: "Hello" }), platform: { "x-agent-foundry-call-id": "call" } },
};

/** Provoked elsewhere, because a request alone does not. */
const elsewhere: readonly EnvelopeCode[] = [
  "agent_stopping",
  "body_already_read",
  "server_error",
  "service_error",
];

async function answerTo({ method = "POST", headers = {}, body, platform }: Sent): Promise<[number, unknown]> {
  const context = await createUserContext(platform ?? {}, {
    verify: "none",
    environment: { hosted: platform !== undefined },
  });
  contexts.push(context);
  const request = new Request("https://agent.example.com/responses", {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body, duplex: "half" }),
  } as RequestInit);
  const answer = await runWithUserContext(context, () => handler(request));
  return [answer.status, ((await answer.json()) as { error?: { code?: string } }).error?.code];
}

describe("each code of an answer that is no error of this package", () => {
  it("is provoked here, or said to be provoked elsewhere", () => {
    expect([...Object.keys(provoked), ...elsewhere].sort()).toEqual(Object.keys(envelopeCodes).sort());
  });

  it.each(Object.entries(provoked) as [EnvelopeCode, Sent][])("%s has its status", async (code, sent) => {
    expect(await answerTo(sent)).toEqual([envelopeCodes[code].status, code]);
  });

  it("body_already_read, where something has read it", async () => {
    const context = await createUserContext({}, { verify: "none" });
    contexts.push(context);
    const request = new Request("https://agent.example.com/responses", { method: "POST", body: "{}" });
    await request.text();
    const answer = await runWithUserContext(context, () => handler(request));
    const { error } = (await answer.json()) as { error: { code: string } };
    expect([answer.status, error.code]).toEqual([
      envelopeCodes.body_already_read.status,
      "body_already_read",
    ]);
  });

  it("agent_stopping, once the agent drains", async () => {
    await turns.drain();
    expect(await answerTo(asJson({ input: "Hello" }))).toEqual([503, "agent_stopping"]);
  });

  it.each(Object.keys(envelopeCodes))("%s stands in the catalogue", (code) => {
    const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    expect(page).toContain(`| \`${code}\` |`);
  });
});
