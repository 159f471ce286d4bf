import { platformFault } from "../../../src/turn/container-protocol.js";
import { receivedBody } from "../../../src/turn/received-body.js";
import { readTurnRequest } from "../../../src/turn/turn-request.js";
import { heardMessage, keepForLater } from "../../../src/turn/turn-sign-in.js";
import { field, maybe, valueIn, type FuzzTarget } from "../target.js";
import { platformContext } from "./people.js";

const message = {
  type: "message",
  role: "user",
  content: [{ type: "input_text", text: "Who am I?" }, { type: "input_image" }],
};

export const turnTargets: readonly FuzzTarget[] = [
  {
    name: "body of a Responses request",
    from: "callers, through the gateway",
    files: [
      "src/turn/turn-request.ts",
      "src/turn/turn-sign-in.ts",
      "src/turn/json-limits.ts",
      "src/turn/received-body.ts",
      "src/turn/request-body.ts",
      "src/turn/request-fields.ts",
      "src/turn/request-rules.ts",
      "src/turn/container-protocol.ts",
    ],
    shape: "fields",
    seeds: [
      {
        type: "application/json",
        method: "POST",
        body: {
          input: "hello",
          stream: true,
          previous_response_id: `caresp_${"1".repeat(50)}`,
          agent_session_id: "s",
          agent_reference: { type: "agent_reference", name: "a", version: "1" },
        },
      },
      {
        type: "application/vnd.x+json; charset=utf-8",
        method: "POST",
        length: "20",
        body: { input: [message, { role: "assistant" }], model: "m", background: false },
      },
      { type: "application/json", method: "POST", length: "9999999", body: { input: [] } },
      {
        type: "application/json",
        method: "POST",
        body: { input: [{ role: "user", content: "text" }], agent_reference: { name: "" } },
      },
      {
        type: "application/json",
        method: "POST",
        body: { input: [{ role: "user", content: 5 }], agent_reference: { name: "a", version: 5 } },
      },
      { method: "GET", body: "" },
      { type: "text/plain", method: "POST", body: "{" },
      { type: "application/json", method: "POST", body: "[]" },
      { type: "application/json", method: "POST", body: { stream: "yes", input: "x" } },
      { type: "application/json", method: "POST", body: {} },
      { type: "application/json", method: "POST", body: { input: 5 } },
      { type: "application/json", method: "POST", body: { input: "x", background: true } },
      {
        type: "application/json",
        method: "POST",
        body: { input: "x" },
        kept: '{"input":"kept"}',
        status: "bound",
      },
      {
        type: "application/json",
        method: "POST",
        body: { input: "x" },
        kept: '{"input":[{"role":"user","content":"kept"}]}',
        status: "bound",
      },
      {
        type: "application/json",
        method: "POST",
        body: { input: "x" },
        kept: "typed by hand",
        status: "bound",
      },
      { type: "application/json", method: "POST", body: { input: "x" }, kept: '{"a":1}', status: "confirm" },
      { type: "application/json", method: "POST", body: { input: "x" }, status: "throws" },
      { type: "application/json", method: "POST", body: { input: "x" }, parsed: true, small: true },
      { type: "application/json", method: "POST", body: "x".repeat(3_000), small: true },
      { type: "application/json", method: "POST", body: { input: "x" }, encoding: "gzip" },
      { type: "application/json", method: "POST", body: { input: "x" }, encoding: "rot13" },
      {
        type: "application/json",
        method: "POST",
        body: { metadata: { a: "b" }, conversation: { id: "conv_1" }, tools: [{}], include: ["a"] },
      },
      { type: "application/json", method: "POST", body: { input: "x" }, hosted: "no call" },
      { type: "application/json", method: "POST", body: { input: "x" }, hosted: "no user" },
      { type: "application/json", method: "POST", body: { input: "x" }, hosted: "both" },
    ],
    words: [
      "input",
      "stream",
      "agent_reference",
      "previous_response_id",
      "role",
      "content",
      "user",
      "text",
      "bound",
      "throws",
      "application/json",
    ],
    async run(input) {
      const given = valueIn(input, "body");
      const text = typeof given === "string" ? given : (JSON.stringify(given) ?? "");
      const hosted = field(input, "hosted");
      platformFault({
        hosted: hosted !== "",
        ...(hosted === "no call" ? {} : { callId: "c" }),
        ...(hosted === "no user" ? {} : { userId: "u" }),
      });
      const bytes = Buffer.from(text, "utf8");
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 1_000);
        yield bytes.subarray(1_000);
      };
      const received = await receivedBody(
        {
          method: maybe(input, "method"),
          type: maybe(input, "type"),
          length: maybe(input, "length"),
          encoding: maybe(input, "encoding"),
        },
        valueIn(input, "none") === true ? null : pieces(),
        valueIn(input, "small") === true ? 2_000 : 1_000_000,
      );
      const parsed = valueIn(input, "parsed") === true;
      if (!parsed && "error" in received) return { answer: received.error };
      const body = parsed || "error" in received ? given : received.bytes;
      const read = readTurnRequest(body);
      if ("error" in read) return { answer: read.error };
      const context = platformContext();
      const status = field(input, "status");
      const redeem = async (): Promise<{ status: string; say?: string; prompt?: string }> => {
        if (status === "throws") throw new Error("down");
        const kept = maybe(input, "kept");
        return {
          status: status === "" ? "not_a_code" : status,
          ...(kept === undefined ? {} : { say: "well", prompt: kept }),
        };
      };
      const signIn = { redeem, keepPrompt: async (): Promise<void> => {} };
      await keepForLater(signIn, context, read.request, { id: "caresp_1" });
      return {
        ...(await heardMessage(signIn, context, read.request)),
        plain: await heardMessage(undefined, context, read.request),
      };
    },
    says: (value) => JSON.stringify((value as { answer?: unknown }).answer) ?? "",
    secrets: (input) => [typeof valueIn(input, "body") === "string" ? field(input, "body") : ""],
    holds(_input, value) {
      const { request } = value as { request?: { input: unknown; body: unknown } };
      if (request !== undefined && (typeof request.input !== "string" || typeof request.body !== "object"))
        throw new Error("the prompt is no text");
    },
  },
];
