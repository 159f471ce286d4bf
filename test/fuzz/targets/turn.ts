import { brotliCompressSync, constants } from "node:zlib";
import { platformFault } from "../../../src/turn/container-protocol.js";
import { receivedBody } from "../../../src/turn/received-body.js";
import { readTurnRequest } from "../../../src/turn/turn-request.js";
import { heardMessage, keepForLater } from "../../../src/turn/turn-sign-in.js";
import { field, maybe, valueIn, type FuzzTarget, type Input } from "../target.js";
import { bodySizes, depthAndValues, largeBody } from "./bodies.js";
import { platformContext } from "./people.js";

const message = {
  type: "message",
  role: "user",
  content: [{ type: "input_text", text: "Who am I?" }, { type: "input_image" }],
};

/** Its default takes longer than an input may. */
const fast = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

export const turnTargets: readonly FuzzTarget[] = [
  {
    name: "body of a Responses request",
    from: "callers, through the gateway",
    files: [
      "src/turn/turn-request.ts",
      "src/turn/turn-sign-in.ts#heardMessage,interrupted,keptMessage",
      "src/input/json-limits.ts#parseJson,textOf,isSurelySmall,excessText,excessInText,excessInValue,endOfText,afterSpace,isSpace",
      "src/turn/received-body.ts",
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
      ...[98, 99, 100, 101].map((levels) => ({ type: "application/json", method: "POST", body: "", levels })),
      ...[49_990, 50_000, 50_001].map((values) => ({
        type: "application/json",
        method: "POST",
        body: "",
        values,
      })),
      { type: "application/json", method: "POST", body: '\ufeff{"input":"x"}' },
      { type: "application/json", method: "POST", body: '\ufeff\ufeff{"input":"x"}' },
      { type: "application/json", method: "POST", body: '{"input":"\u00e9"}', written: "latin1" },
      { type: "application/json", method: "POST", body: '{"input":"x"}', written: "utf16le" },
      { type: "application/json", method: "POST", body: '{"input":"\ud800"}', written: "utf8" },
      ...[
        { response_id: `caresp_${"1".repeat(50)}` },
        { response_id: "r" },
        { agent_reference: { name: 5 } },
        { agent_reference: { name: "a" } },
        { agent_reference: { type: "agent_reference", name: "a", version: "2" } },
        { agent_reference: { type: "agent_reference", name: "a", version: 2 } },
        { agent_reference: { type: "x".repeat(50), name: "a" } },
        { truncation: "x".repeat(50), temperature: 1, top_p: "1", max_output_tokens: 1.5 },
        { truncation: "x", service_tier: "y" },
        { include: Array.from({ length: 30 }, (_, at) => at), metadata: { a: 1, b: [] } },
        { background: true, store: false },
        { stream_options: {} },
        { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, at) => [`k${at}`, "v"])) },
        { metadata: { ["k".repeat(65)]: "v" } },
        { metadata: { k: "v".repeat(513) } },
        { metadata: { k: "😀".repeat(512) } },
        { metadata: { k: 5 } },
        { agent_session_id: "a\nb" },
        { conversation: "conv_1" },
        { conversation: 5 },
      ].map((fields) => ({ type: "application/json", method: "POST", body: { input: "x", ...fields } })),
      { type: "application/json", method: "POST", body: { input: "x" }, encoding: "br", packed: true },
      {
        type: "application/json",
        method: "POST",
        body: "x".repeat(3_000),
        encoding: "br",
        packed: true,
        small: true,
      },
      { type: "application/json", method: "POST", body: { input: "x" }, cut: true },
      { type: "application/json", method: "POST", body: { input: "x" }, none: true },
      { type: "application/json", method: "POST", body: [], levels: 101, parsed: true },
      { type: "application/json", method: "POST", body: [], values: 50_001, parsed: true },
      ...[40, 41, 42, 43].map((spaces) => ({
        type: "application/json",
        method: "POST",
        body: `{"input":${" ".repeat(spaces)}"x"${"\n".repeat(spaces)}}${"\t".repeat(spaces)}`,
      })),
      { type: "application/json", method: "POST", body: '[true,false,null,-1.5e+5,tru,fals,nul,"\\"]' },
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
      const text = largeBody(input) ?? (typeof given === "string" ? given : (JSON.stringify(given) ?? ""));
      const hosted = field(input, "hosted");
      platformFault({
        hosted: hosted !== "",
        ...(hosted === "no call" ? {} : { callId: "c" }),
        ...(hosted === "no user" ? {} : { userId: "u" }),
      });
      const written = Buffer.from(text, encodingIn(input));
      const bytes = valueIn(input, "packed") === true ? brotliCompressSync(written, fast) : written;
      const pieces = async function* (): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, 1_000);
        yield bytes.subarray(1_000);
        if (valueIn(input, "cut") === true) throw new Error("the connection has gone");
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
      const body = parsed || "error" in received ? parsedIn(text, given) : received.bytes;
      const read = readTurnRequest(body);
      if ("error" in read) return { answer: read.error, refused: read.status };
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
      const signIn = {
        redeem,
        keepPrompt: async (): Promise<void> => {},
        settle: async (): Promise<void> => {},
      };
      await keepForLater(signIn, context, read.request, { id: "caresp_1" });
      return {
        ...(await heardMessage(signIn, context, read.request)),
        plain: await heardMessage(undefined, context, read.request),
      };
    },
    says: (value) => JSON.stringify((value as { answer?: unknown }).answer) ?? "",
    secrets: (input) => [typeof valueIn(input, "body") === "string" ? field(input, "body") : ""],
    holds(_input, value) {
      const { answer, refused, request } = value as Read;
      if (answer !== undefined && !/^[a-z_]+$/.test(answer.code)) throw new Error("a refusal without a code");
      if (refused !== undefined && refused !== 400) throw new Error(`a body that was answered ${refused}`);
      const { depth, values } = depthAndValues(request?.body);
      if (depth > 100 || values > 50_000) throw new Error("a body over the limits was read");
      if (request !== undefined && (typeof request.input !== "string" || typeof request.body !== "object"))
        throw new Error("the prompt is no text");
    },
    sizes: bodySizes,
  },
];

/** What the target gives, as far as it is looked at. */
interface Read {
  readonly answer?: { readonly code: string };
  readonly refused?: number;
  readonly request?: { readonly input: unknown; readonly body: unknown };
}

/** What a body parser has made of a large body; of any other it is the value itself. */
function parsedIn(text: string, given: unknown): unknown {
  return Array.isArray(given) ? (JSON.parse(text) as unknown) : given;
}

/** How the text was written: clients that know nothing of UTF-8 send other bytes. */
function encodingIn(input: Input): BufferEncoding {
  const written = field(input, "written");
  return written === "latin1" || written === "utf16le" ? written : "utf8";
}
