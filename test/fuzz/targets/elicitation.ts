import { elicitedBy, mayElicit, type Elicited } from "../../../src/access/elicitation-messages.js";
import { sentRpc, urlCapability, withUrlElicitation } from "../../../src/access/elicitation-capability.js";
import { textOf, type FuzzTarget } from "../target.js";

const page = { mode: "url", url: "https://gateway.example/connect/1", message: "Connect" };
const form = { mode: "form", message: "Which?", requestedSchema: {} };
const of = (message: object): object => ({ jsonrpc: "2.0", id: 1, ...message });
const input = (...params: object[]): object =>
  of({
    result: {
      resultType: "input_required",
      inputRequests: Object.fromEntries(
        params.map((one, n) => [n, { method: "elicitation/create", params: one }]),
      ),
    },
  });

function parsed(text: unknown): unknown {
  try {
    return JSON.parse(String(text)) as unknown;
  } catch {
    return undefined;
  }
}

export const elicitationTargets: readonly FuzzTarget[] = [
  {
    name: "messages that ask for a URL",
    from: "MCP servers",
    files: ["src/access/elicitation-messages.ts"],
    shape: "value",
    seeds: [
      of({
        error: { code: -32042, message: "m", data: { elicitations: [page, form, { ...page, url: 5 }] } },
      }),
      of({ error: { code: -32042, message: "m", data: { elicitations: 5 } } }),
      of({ error: { code: -32042, message: "m" } }),
      of({
        error: { code: -32021, message: "m", data: { requiredCapabilities: { elicitation: { url: {} } } } },
      }),
      of({
        error: { code: -32021, message: "m", data: { requiredCapabilities: { elicitation: { form: {} } } } },
      }),
      of({ error: { code: -32000, message: "m" } }),
      input(page),
      input(form),
      input(form, page, page, page, page, page, page),
      of({ result: { resultType: "input_required", inputRequests: { a: { method: "roots/list" } } } }),
      of({ result: { content: [] } }),
      of({ method: "elicitation/create", params: { ...page, message: 5 } }),
      of({ method: "elicitation/create", params: form }),
      of({ method: "tools/list" }),
      { jsonrpc: "1.0" },
      [],
      null,
      "\\u0065",
    ],
    words: ["input_required", "elicitation", "-32042", "url"],
    run: (value) => ({ elicited: elicitedBy(value), may: mayElicit(Buffer.from(textOf(value))) }),
    secrets: () => [],
    holds(_input, value) {
      const { elicited, may } = value as { elicited: Elicited | undefined; may: boolean };
      if (elicited === undefined) return;
      if (!may) throw new Error("a request for a URL would not have been looked at");
      if (elicited.kind === "undeclared") return;
      if (elicited.pages.length === 0 || elicited.pages.length > 5) throw new Error("no pages, or too many");
      for (const { url, message } of elicited.pages)
        if (typeof url !== "string" || message.length > 500) throw new Error("an unread page");
    },
  },
  {
    name: "requests that declare URLs",
    from: "hosts of the agent, whose bodies hold what models write",
    files: ["src/access/elicitation-capability.ts"],
    shape: "text",
    seeds: [
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"elicitation":{}}}}',
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{"elicitation":{"form":{}}}}}',
      '{"jsonrpc":"2.0","id":1,"method":"initialize"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"elicitation":{"url":{}}}}}}',
      '{"jsonrpc":"2.0","id":1,"method":"prompts/get"}',
      '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}',
      '[{"jsonrpc":"2.0","id":1,"method":"tools/call"}]',
      '{"method":"tools/call"}',
      '"initialize"',
      '{"tools/',
    ],
    run(text) {
      const init = { method: "POST", headers: {}, body: String(text) };
      const modern = { ...init, headers: { "mcp-protocol-version": "2026-07-28" } };
      // A server's own reading of the same bodies.
      urlCapability(Object(parsed(text)));
      return [init, modern].map((one) => ({ sent: sentRpc(one), body: withUrlElicitation(one).body }));
    },
    secrets: () => [],
    holds(text, value) {
      for (const { body } of value as { body: string }[]) {
        if (body === text) continue;
        const without = (given: string): string =>
          JSON.stringify(JSON.parse(given), (name, one: unknown) =>
            name === "capabilities" || name === "_meta" || name === "params" ? undefined : one,
          );
        if (without(body) !== without(String(text))) throw new Error("something else was changed");
      }
    },
  },
];
