import { UserContext } from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { toolboxRequestHeaders } from "../../../src/toolbox/network.js";
import { eventScanner, scanned } from "../../../src/access/event-scanner.js";
import {
  beginning,
  inspected,
  type ReadBlocks,
  type MessageFault,
  type MessageJudge,
} from "../../../src/access/inspected-answer.js";
import { toolboxJudge } from "../../../src/toolbox/rpc-outcome.js";
import { field, valueIn, type FuzzTarget } from "../target.js";
import { besidesLinks, linksIn } from "./errors.js";
import { platformContext } from "./people.js";

const policy = consentLinkPolicy({ allowedOrigins: ["https://consent.example.com"] });
const link = "https://consent.example.com/login?data=5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGh";
const consent = JSON.stringify({ jsonrpc: "2.0", id: 1, error: { code: -32006, message: link } });
const note = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"é"}}';
const result = '{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"-32006 \\"error\\""}]}}';

/** A stream that goes on elsewhere when it ends, with nothing. */
const goingOn: ReadBlocks = (body, { open, anew }) => {
  const blocks = open(body);
  let hasEnded = false;
  return {
    ...blocks,
    async next() {
      const block = await blocks.next();
      if (block !== undefined || hasEnded) return block;
      hasEnded = true;
      return anew() ?? new Uint8Array();
    },
  };
};

/** Reads the same bytes as an event stream whose events are looked at one by one, and as the text of a body. */
async function lookedAt(bytes: Uint8Array, size: number): Promise<void> {
  const scanner = eventScanner();
  scanned(scanner, new Uint8Array());
  for (let at = 0; at < bytes.length; at += size) scanned(scanner, bytes.subarray(at, at + size));
  await beginning(new Response(bytes.length === 0 ? null : Uint8Array.from(bytes)));
}

export const toolboxStreamTargets: readonly FuzzTarget[] = [
  {
    name: "answers of a toolbox",
    from: "Foundry toolboxes, and sources behind them",
    files: [
      "src/access/event-scanner.ts",
      "src/access/inspected-answer.ts",
      "src/toolbox/rpc-outcome.ts#toolboxJudge",
      "src/toolbox/network.ts#toolboxRequestHeaders,withFlag",
    ],
    shape: "fields",
    seeds: [
      { type: "application/json", body: consent, pieces: 7 },
      { type: "application/json", body: result },
      { type: "application/json", body: '{"error":' },
      { type: "application/json", body: `${"x".repeat(65_540)}`, pieces: 30_000 },
      { type: "text/event-stream", body: `event: message\ndata: ${consent}\n\n`, hold: true },
      {
        type: "text/event-stream",
        body: `: hello\n\nid: 1\ndata: ${note}\n\ndata: ${consent}\n\ndata`,
        hold: true,
        pieces: 3,
      },
      {
        type: "text/event-stream",
        body: `data: ${note}\r\n\r\ndata: ${consent.slice(0, 20)}\r\ndata: ${consent.slice(20)}\r\n\r\nid: 4`,
        pieces: 1,
      },
      {
        type: "text/event-stream; charset=utf-8",
        body: `data:${result}\r\rdata\n\nrest`,
        hold: false,
        pieces: 5,
      },
      {
        type: "text/event-stream",
        body: `data: ${"y".repeat(65_600)}\n\ndata: ${consent}\n\n`,
        pieces: 20_000,
        hold: true,
      },
      { type: "text/event-stream", body: "", hold: true },
      { type: "text/plain", body: consent },
      { type: "none", body: "" },
      { type: "application/json", body: "z".repeat(65_600), pieces: 1 },
      {
        type: "text/event-stream",
        body: `data: ${"y".repeat(65_600)}x\n\ndata: ${consent}\n\n`,
        pieces: 300,
      },
      { type: "text/event-stream", body: `data: ${note}\n\n`, cancel: true },
      { type: "traced", body: "" },
      { type: "bare", body: consent },
      { type: "text/event-stream", body: `data: ${note}\n\nda`, anew: true, pieces: 5 },
      { type: "text/event-stream", body: `data: ${"y".repeat(150_000)}`, anew: true, pieces: 70_000 },
      { type: "application/json", body: result, length: 70_000 },
      { type: "application/json", body: result, length: 70_000, encoded: true },
      { type: "application/json", body: consent, breaks: true },
      { type: "text/event-stream", body: `: hello\n\n`, breaks: true, hold: true },
      { type: "text/event-stream", body: `data: ${note}\n\n`, breaks: true },
      { type: "text/event-stream", body: `data: ${consent}\n\n`, later: true },
      {
        type: "text/event-stream",
        body: `data: ${note}\n\ndata: ${consent}\n\n`,
        later: true,
        nameless: true,
      },
      {
        type: "text/event-stream",
        body: `data: ${"y".repeat(150_000)}\n\ndata: ${consent}\n\n`,
        pieces: 40_000,
      },
    ],
    words: [
      "data: ",
      "data:",
      "\r\n\r\n",
      "\r",
      "\n\n",
      "event: message\n",
      consent,
      note,
      "Toolboxes=V1Preview",
    ],
    async run(input) {
      const context = platformContext();
      const bytes = Buffer.from(field(input, "body"), "utf8");
      const given = valueIn(input, "pieces");
      const size =
        typeof given === "number" && given >= 1
          ? Math.max(Math.floor(given), Math.ceil(bytes.length / 400))
          : bytes.length + 1;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size));
          if (valueIn(input, "breaks") !== true) controller.close();
        },
        pull(controller) {
          controller.error(new TypeError("the connection broke"));
        },
      });
      const type = field(input, "type").replace(/[^\x20-\x7e]/g, "");
      const headers = new Headers(type === "none" || type === "bare" ? {} : { "content-type": type });
      const flags: Record<string, string> =
        type === "traced"
          ? { traceparent: "00-1-2-00" }
          : type === "none"
            ? {}
            : { "Foundry-Features": type, "x-agent-user-id": "u" };
      const traced = new UserContext({
        platform: { hosted: false },
        clientHeaders: {},
        trace: { traceparent: "00-3-4-00", baggage: "a=1" },
      });
      toolboxRequestHeaders(
        flags,
        traced,
        type === "none" ? ({ kind: "itself" } as never) : ({ kind: "call", callId: "c" } as never),
      );
      const response = new Response(type === "none" ? null : body, { headers });
      const own = toolboxJudge({ serverLabel: "contacts", policy }, context);
      const isNameless = valueIn(input, "nameless") === true;
      const later = async (message: unknown): Promise<MessageFault | undefined> => {
        const fault = await own.judge(message);
        return fault !== undefined && isNameless ? { ...fault, id: undefined } : fault;
      };
      const isLater = valueIn(input, "later") === true;
      const judge: MessageJudge = { ...own, judge: (message) => (isLater ? later : own.judge)(message) };
      if (type === "bare") response.headers.delete("content-type");
      await lookedAt(bytes, size);
      if (valueIn(input, "length") !== undefined) response.headers.set("content-length", "70000");
      if (valueIn(input, "encoded") === true) response.headers.set("content-encoding", "identity");
      const isAnew = valueIn(input, "anew") === true;
      const passed = await inspected(
        response,
        judge,
        valueIn(input, "hold") === true,
        isAnew ? goingOn : undefined,
      );
      if (valueIn(input, "cancel") === true) {
        await passed.body?.cancel();
        return { text: bytes.toString("utf8").replace(/^\ufeff+/, ""), asked: false, type };
      }
      if (valueIn(input, "breaks") === true) {
        const isBroken = await passed.text().then(
          () => false,
          () => true,
        );
        if (!isBroken && type !== "none") throw new TypeError("a broken answer looks whole");
        return { text: bytes.toString("utf8").replace(/^\ufeff+/, ""), asked: false, type };
      }
      const text = await passed.text();
      if (isAnew) return { text: bytes.toString("utf8").replace(/^\ufeff+/, ""), asked: false, type };
      return { text, asked: context.consentRequests.length > 0, type };
    },
    secrets: linksIn,
    rest: besidesLinks,
    // What is no request for consent is the server's own business.
    says: (value) => {
      const { text, asked } = value as { text: string; asked: boolean };
      return asked && !text.includes("http") ? text : "";
    },
    unreachable: [
      {
        file: "src/toolbox/rpc-outcome.ts",
        line: "jsonRpcError(message) ?? {}",
        why: "the judge has seen that it is an error",
      },
    ],
    holds(input, value) {
      const { asked } = value as { asked: boolean };
      // Node takes off one or two of them.
      const text = (value as { text: string }).text.replace(/^\ufeff+/, "");
      if ((value as { type: string }).type === "none") return;
      const body = Buffer.from(field(input, "body"), "utf8").toString("utf8");
      if (
        !asked &&
        !text.includes("consent_link_refused") &&
        !text.includes("toolbox_source_failed") &&
        text !== body.replace(/^\ufeff+/, "")
      )
        throw new Error("an answer without consent was changed");
    },
  },
];
