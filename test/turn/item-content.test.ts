import { beforeEach, describe, expect, it } from "vitest";
import { type RunEvent, type UserContext } from "hosted-agent-identity";
import { type ResponseEvent, withConsent } from "hosted-agent-identity/turn";
import { responseEventTypes } from "../../src/foundry/event-types.js";
import { collect } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

let context: UserContext;
beforeEach(() => {
  context = contextOf("person");
});

async function turn(pieces: readonly object[]): Promise<readonly ResponseEvent[]> {
  return collect(
    withConsent(
      async function* () {
        yield* pieces as readonly RunEvent[];
      },
      { context },
    ),
  );
}

/** Every type of output item with the fields its schema requires. Source: openai 7.59, `ResponseOutputItem`. */
const items: readonly object[] = [
  {
    type: "message",
    id: "m",
    role: "assistant",
    status: "completed",
    content: [{ type: "refusal", refusal: "No." }],
  },
  {
    type: "file_search_call",
    id: "i",
    queries: ["q"],
    status: "completed",
    results: [{ file_id: "f", text: "t" }],
  },
  { type: "function_call", id: "i", call_id: "c", name: "n", arguments: "{}", status: "completed" },
  { type: "function_call_output", id: "i", call_id: "c", output: "o", status: "completed" },
  { type: "web_search_call", id: "i", action: { type: "search", query: "q" }, status: "completed" },
  { type: "computer_call", id: "i", call_id: "c", pending_safety_checks: [], status: "completed" },
  {
    type: "computer_call_output",
    id: "i",
    call_id: "c",
    output: { type: "computer_screenshot", image_url: "data:," },
    status: "completed",
  },
  {
    type: "reasoning",
    id: "i",
    summary: [{ type: "summary_text", text: "s" }],
    content: [{ type: "reasoning_text", text: "r" }],
    encrypted_content: "e",
  },
  { type: "program", id: "i", call_id: "c", code: "x", fingerprint: "f" },
  { type: "program_output", id: "i", call_id: "c", result: "r", status: "completed" },
  {
    type: "tool_search_call",
    id: "i",
    arguments: {},
    call_id: "c",
    execution: "server",
    status: "completed",
  },
  { type: "tool_search_output", id: "i", call_id: "c", execution: "server", status: "completed", tools: [] },
  { type: "additional_tools", id: "i", role: "developer", tools: [] },
  { type: "compaction", id: "i", encrypted_content: "e" },
  { type: "image_generation_call", id: "i", result: "aW1hZ2U=", status: "completed" },
  {
    type: "code_interpreter_call",
    id: "i",
    code: "1",
    container_id: "k",
    outputs: [{ type: "logs" }],
    status: "completed",
  },
  {
    type: "local_shell_call",
    id: "i",
    action: { type: "exec", command: ["ls"] },
    call_id: "c",
    status: "completed",
  },
  { type: "local_shell_call_output", id: "i", output: "o" },
  {
    type: "shell_call",
    id: "i",
    action: { commands: ["ls"] },
    call_id: "c",
    environment: null,
    status: "completed",
  },
  {
    type: "shell_call_output",
    id: "i",
    call_id: "c",
    max_output_length: null,
    output: [],
    status: "completed",
  },
  {
    type: "apply_patch_call",
    id: "i",
    call_id: "c",
    operation: { type: "delete_file", path: "p" },
    status: "completed",
  },
  { type: "apply_patch_call_output", id: "i", call_id: "c", status: "completed" },
  {
    type: "mcp_call",
    id: "i",
    arguments: "{}",
    name: "n",
    server_label: "s",
    output: "o",
    status: "completed",
  },
  { type: "mcp_list_tools", id: "i", server_label: "s", tools: [] },
  { type: "mcp_approval_request", id: "i", arguments: "{}", name: "n", server_label: "s" },
  { type: "mcp_approval_response", id: "i", approval_request_id: "a", approve: true },
  { type: "custom_tool_call", id: "i", call_id: "c", input: "x", name: "n" },
  { type: "custom_tool_call_output", id: "i", call_id: "c", output: "o", status: "completed" },
];

describe("an item of every type", () => {
  it.each(items.map((item) => [(item as { type: string }).type, item] as const))(
    "%s comes out with everything in it, begun and ended, or whole",
    async (_, item) => {
      for (const pieces of [
        [{ type: "response.output_item.done", output_index: 0, item }],
        [
          { type: "response.output_item.added", output_index: 0, item },
          { type: "response.output_item.done", output_index: 0, item },
        ],
        [{ type: "response.completed", response: { output: [item] } }],
      ]) {
        context = contextOf("person");
        const response = checkedResponse(await turn(pieces));
        expect(response.status).toBe("completed");
        expect(response.output).toEqual([{ ...item, response_id: response.id }]);
      }
    },
  );
});

/** Names of events that are about the response, an item as a whole, or audio. */
const aboutNoItem =
  /^(error|response\.(created|queued|in_progress|completed|incomplete|failed|output_item\..*|audio\..*))$/;

describe("an event of every type that tells of an item", () => {
  it.each(responseEventTypes.filter((type) => !aboutNoItem.test(type)))(
    "%s reaches the client",
    async (type) => {
      const event = {
        type,
        output_index: 7,
        item_id: "i",
        content_index: 0,
        summary_index: 0,
        command_index: 0,
        delta: "d",
      };
      const item = { type: "custom_tool_call", id: "i", call_id: "c", input: "x", name: "n" };
      const events = await turn([
        "Text first, so that indexes differ." as unknown as object,
        { type: "response.output_item.added", output_index: 7, item },
        event,
        { type: "response.output_item.done", output_index: 7, item },
      ]);
      expect(events.filter((one) => one.item_id === "i" && one.type === type)).toMatchObject([
        { ...event, output_index: 1 },
      ]);
    },
  );

  it.each(responseEventTypes.filter((type) => type.startsWith("response.audio.")))(
    "%s, which names none, too",
    async (type) => {
      const events = await turn([{ type, delta: "QQ==" }]);
      expect(events[2]).toEqual({ type, delta: "QQ==", sequence_number: 2 });
    },
  );
});

describe("an item that is cut", () => {
  const at = { output_index: 0, item_id: "i" };
  const begun = (item: object, ...events: object[]): object[] => [
    { type: "response.output_item.added", output_index: 0, item },
    ...events.map((event) => ({ ...at, ...event })),
  ];
  const message = { type: "message", id: "i", role: "assistant", status: "in_progress", content: [] };
  const reasoning = { type: "reasoning", id: "i", summary: [], status: "in_progress" };
  const citation = {
    type: "url_citation",
    url: "https://example.com",
    title: "t",
    start_index: 0,
    end_index: 4,
  };

  it.each<[string, readonly object[], object]>([
    [
      "text with its annotations",
      begun(
        message,
        {
          type: "response.content_part.added",
          content_index: 0,
          part: { type: "output_text", text: "", annotations: [] },
        },
        { type: "response.output_text.delta", content_index: 0, delta: "See " },
        {
          type: "response.output_text.annotation.added",
          content_index: 0,
          annotation_index: 0,
          annotation: citation,
        },
        { type: "response.output_text.delta", content_index: 0, delta: "here" },
      ),
      { status: "incomplete", content: [{ type: "output_text", text: "See here", annotations: [citation] }] },
    ],
    [
      "a refusal",
      begun(
        message,
        { type: "response.content_part.added", content_index: 0, part: { type: "refusal", refusal: "" } },
        { type: "response.refusal.delta", content_index: 0, delta: "I can" },
        { type: "response.refusal.delta", content_index: 0, delta: "not" },
      ),
      { status: "incomplete", content: [{ type: "refusal", refusal: "I cannot" }] },
    ],
    [
      "a reasoning summary",
      begun(
        reasoning,
        {
          type: "response.reasoning_summary_part.added",
          summary_index: 0,
          part: { type: "summary_text", text: "" },
        },
        { type: "response.reasoning_summary_text.delta", summary_index: 0, delta: "First" },
        { type: "response.reasoning_summary_text.done", summary_index: 0, text: "First." },
        {
          type: "response.reasoning_summary_part.done",
          summary_index: 0,
          part: { type: "summary_text", text: "First." },
        },
        {
          type: "response.reasoning_summary_part.added",
          summary_index: 1,
          part: { type: "summary_text", text: "" },
        },
        { type: "response.reasoning_summary_text.delta", summary_index: 1, delta: "Sec" },
      ),
      { status: "incomplete", summary: [{ text: "First." }, { type: "summary_text", text: "Sec" }] },
    ],
    [
      "reasoning whose part was never begun",
      begun(reasoning, { type: "response.reasoning_text.delta", content_index: 0, delta: "Hm" }),
      { status: "incomplete", content: [{ type: "reasoning_text", text: "Hm" }] },
    ],
    [
      "the arguments of an MCP call",
      begun(
        { type: "mcp_call", id: "i", name: "n", server_label: "s", arguments: "", status: "in_progress" },
        { type: "response.mcp_call_arguments.delta", delta: '{"a' },
      ),
      { status: "incomplete", arguments: '{"a' },
    ],
    [
      "the input of a custom tool",
      begun(
        { type: "custom_tool_call", id: "i", call_id: "c", name: "n", input: "" },
        { type: "response.custom_tool_call_input.delta", delta: "par" },
        { type: "response.custom_tool_call_input.delta", delta: "t" },
      ),
      { input: "part" },
    ],
    [
      "the code of an interpreter",
      begun(
        {
          type: "code_interpreter_call",
          id: "i",
          container_id: "k",
          code: "",
          outputs: [],
          status: "in_progress",
        },
        { type: "response.code_interpreter_call_code.delta", delta: "1 +" },
      ),
      { status: "incomplete", code: "1 +" },
    ],
    [
      "the commands of a shell call",
      begun(
        {
          type: "shell_call",
          id: "i",
          call_id: "c",
          action: { commands: [], timeout_ms: 5 },
          status: "in_progress",
        },
        { type: "response.shell_call_command.added", command_index: 0, command: "" },
        { type: "response.shell_call_command.delta", command_index: 0, delta: "ls" },
        { type: "response.shell_call_command.done", command_index: 0, command: "ls -l" },
        { type: "response.shell_call_command.delta", command_index: 1, delta: "rm" },
      ),
      { status: "incomplete", action: { commands: ["ls -l", "rm"], timeout_ms: 5 } },
    ],
    [
      "an image, which has no word for incomplete",
      begun(
        { type: "image_generation_call", id: "i", result: null, status: "in_progress" },
        {
          type: "response.image_generation_call.partial_image",
          partial_image_index: 0,
          partial_image_b64: "QQ==",
        },
      ),
      { status: "failed", result: "QQ==" },
    ],
    [
      "a patch, which must not look done",
      begun({ type: "apply_patch_call", id: "i", call_id: "c", operation: {}, status: "in_progress" }),
      { status: "in_progress" },
    ],
  ])("keeps %s, and is not called finished", async (_, pieces, expected) => {
    const response = checkedResponse(await turn(pieces));
    expect(response.status).toBe("incomplete");
    expect(response.output).toHaveLength(1);
    expect(response.output[0]).toMatchObject(expected);
  });

  it("has each part that was begun ended, and no other", async () => {
    const events = await turn([
      ...begun(
        message,
        { type: "response.content_part.added", content_index: 0, part: { type: "refusal", refusal: "" } },
        { type: "response.refusal.delta", content_index: 0, delta: "No" },
        { type: "response.output_text.delta", content_index: 1, delta: "never begun" },
      ),
    ]).catch((error: unknown) => expect.fail(String(error)));
    expect(events.slice(5).map(({ type }) => type)).toEqual([
      "response.output_text.delta",
      "response.refusal.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.incomplete",
    ]);
  });
});
