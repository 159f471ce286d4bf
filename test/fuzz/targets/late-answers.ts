import { ConsentRequest, TokenExchangeError } from "hosted-agent-identity";
import { recordConsent, recordSignInDemand } from "../../../src/context/internals.js";
import { changedResponse } from "../../../src/server/changed-answer.js";
import { unmetDemands } from "../../../src/server/downstream.js";
import { lateAnswer } from "../../../src/server/late-answer.js";
import { askedRequest, initializedWithUrls, pagesAnswer } from "../../../src/server/pages.js";
import { field, valueIn, type FuzzTarget } from "../target.js";
import { now, personContext, tenant } from "./people.js";

const link = "https://consent.example.com/login?data=5k2l9x8w7v6u5t4s3r2q1p0oAbCdEfGh";
const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "read" } };
const capabilities = (elicitation: object): object => ({
  ...call,
  params: { name: "read", _meta: { "io.modelcontextprotocol/clientCapabilities": { elicitation } } },
});
const done = '{"jsonrpc":"2.0","id":1,"result":{"content":[]}}';
const note = '{"jsonrpc":"2.0","method":"notifications/progress","params":{}}';
const other = '{"jsonrpc":"2.0","id":2,"result":{}}';
const json = { type: "application/json" };
const events = { type: "text/event-stream" };

export const lateAnswerTargets: readonly FuzzTarget[] = [
  {
    name: "answers that a call has changed",
    from: "MCP clients, and the tools of an MCP server",
    files: [
      "src/server/late-answer.ts",
      "src/server/changed-answer.ts#changedResponse",
      "src/server/pages.ts#askedRequest,pagesAnswer,initializedWithUrls",
    ],
    shape: "fields",
    seeds: [
      { asks: call, ...json, answer: done },
      { asks: call, ...json, answer: done, page: true },
      { asks: call, ...json, answer: done, page: true, urls: true },
      { asks: capabilities({ url: {} }), ...json, answer: done, page: true },
      { asks: capabilities({}), ...json, answer: done, page: true },
      { asks: { ...call, method: "resources/read" }, ...json, answer: done, page: true },
      { asks: { ...call, method: "prompts/get" }, ...json, answer: done, signIn: true },
      { asks: { ...call, params: { name: 5 } }, ...json, answer: done, signIn: true },
      { asks: { ...call, id: undefined }, ...json, answer: done, page: true },
      { asks: [call], ...json, answer: done, page: true },
      { asks: { method: "initialize", params: { capabilities: { elicitation: { url: {} } } } }, ...json },
      { asks: null, answer: done },
      { asks: call, ...json, answer: done, signIn: true },
      { asks: capabilities({ url: {} }), ...json, answer: done, signIn: true },
      { asks: call, ...json, answer: "{", page: true },
      { asks: call, ...json, answer: "5", page: true },
      { asks: call, ...json, answer: other, page: true },
      { asks: call, ...json, answer: '{"id":1,"method":"ping"}', page: true },
      { asks: call, ...events, answer: `data: ${note}\n\nid: 4\ndata: ${done}\n\n`, page: true, pieces: 9 },
      { asks: call, ...events, answer: `data: ${note}\n\ndata: ${done}\n\n`, page: true, after: 1 },
      { asks: call, ...events, answer: `id: 1\n\ndata: ${other}\n\ndata: ${done}\n\nda`, signIn: true },
      { asks: call, ...events, answer: `data: ${done}\n\n` },
      { asks: call, ...events, answer: "", page: true },
      { asks: call, type: "text/plain", answer: done, page: true },
      { asks: call, type: "", answer: done, page: true },
      { asks: call, empty: true, page: true },
    ],
    words: [done, note, other, "data: ", "\n\n", "tools/call", "io.modelcontextprotocol/clientCapabilities"],
    async run(input) {
      const context = personContext();
      const asks = valueIn(input, "asks");
      const initialized = initializedWithUrls(asks);
      const asked = askedRequest(asks, initialized ?? valueIn(input, "urls") === true);
      const find = (): void => {
        const request = new ConsentRequest({ link, serverLabel: "contacts", reason: "consent" });
        if (valueIn(input, "page") === true) recordConsent(context, [request]);
        if (valueIn(input, "signIn") === true)
          recordSignInDemand(
            context,
            new TokenExchangeError("sign_in_required", "again", {}, { category: "signin" }),
          );
      };
      const unmet = unmetDemands(() => now);
      const late = lateAnswer({ context, tid: tenant, asked, unmet });
      const answer = field(input, "answer");
      const bytes = Buffer.from(answer, "utf8");
      const given = valueIn(input, "pieces");
      const size = typeof given === "number" && given >= 1 ? Math.max(given, bytes.length / 400) : 65_536;
      const after = valueIn(input, "after");
      let pieces = 0;
      let at = 0;
      if (typeof after !== "number") find();
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            // The SDKs write a whole event at a time.
            const end = typeof given === "number" ? -1 : bytes.indexOf("\n\n", at);
            const to = Math.min(bytes.length, end >= 0 ? end + 2 : Math.floor(at + size));
            if (to > at) controller.enqueue(bytes.subarray(at, to));
            at = to;
            pieces += 1;
            if (pieces === after) find();
            if (at >= bytes.length) controller.close();
          },
        },
        { highWaterMark: 0 },
      );
      const type = field(input, "type").replace(/[^\x20-\x7e]/g, "");
      const headers = new Headers({ "content-length": String(bytes.length) });
      if (type !== "") headers.set("content-type", type);
      const response = new Response(valueIn(input, "empty") === true ? null : body, { headers });
      const isFound = valueIn(input, "page") === true || valueIn(input, "signIn") === true;
      if (late === undefined) {
        pagesAnswer(asked, []);
        return { text: Buffer.from(answer).toString(), asked, isFound };
      }
      return { text: await (await changedResponse(response, late)).text(), asked, isFound };
    },
    secrets: () => [],
    says: (value) => {
      const { text, asked } = value as { text: string; asked?: { pages: string } };
      return asked?.pages === "undeclared" ? text : "";
    },
    holds(input, value) {
      const { text, asked, isFound } = value as { text: string; asked?: { pages: string }; isFound: boolean };
      const answer = Buffer.from(field(input, "answer"))
        .toString()
        .replace(/^\ufeff+/, "");
      if (valueIn(input, "empty") === true) return;
      if (!isFound && text.replace(/^\ufeff+/, "") !== answer) throw new Error("an answer was changed");
      if (!text.includes(link) || answer.includes(link)) return;
      if (asked?.pages === "undeclared") throw new Error("a page for a client that takes none");
      if (!answer.includes("id")) throw new Error("a page in place of something else");
    },
  },
];
