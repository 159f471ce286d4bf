import { simulateReadableStream, stepCountIs, streamText, tool } from "ai";
import { MockLanguageModelV3 } from "ai/test";
import { expect, it } from "vitest";
import { z } from "zod";
import { type UserAccess } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { accessThat, collect, linkFor, secretOf } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

type Part = { type: string } & Record<string, unknown>;

const finish = (unified: "stop" | "tool-calls"): Part => ({
  type: "finish",
  finishReason: { unified, raw: unified },
  usage: { inputTokens: { total: 1 }, outputTokens: { total: 1 } },
});

/** A model that calls every tool in its first step and talks in its second. */
function model(...tools: string[]): MockLanguageModelV3 {
  const steps: Part[][] = [
    [
      { type: "text-start", id: "0" },
      { type: "text-delta", id: "0", delta: "Let me look. " },
      { type: "text-end", id: "0" },
      ...tools.map((toolName): Part => ({ type: "tool-call", toolCallId: toolName, toolName, input: "{}" })),
      finish("tool-calls"),
    ],
    [
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: "There you are." },
      { type: "text-end", id: "1" },
      finish("stop"),
    ],
  ];
  return new MockLanguageModelV3({
    doStream: async () => ({ stream: simulateReadableStream({ chunks: (steps.shift() ?? []) as never[] }) }),
  });
}

function toolsFor(accesses: readonly UserAccess[]) {
  return Object.fromEntries(
    accesses.map((access) => [
      access.resource.serverLabel,
      tool({ inputSchema: z.object({}), execute: async () => (await access.token()).source }),
    ]),
  );
}

async function ask(accesses: readonly UserAccess[], passSignal: boolean) {
  const mock = model(...accesses.map(({ resource }) => resource.serverLabel));
  const events = await collect(
    withConsent(
      (turn) =>
        streamText({
          model: mock,
          prompt: "Who do I know?",
          tools: toolsFor(accesses),
          stopWhen: stepCountIs(3),
          onError: () => {},
          ...(passSignal ? { abortSignal: turn.signal } : {}),
        }).textStream,
      { context: contextOf("person") },
    ),
  );
  return { response: checkedResponse(events), mock };
}

it("an AI SDK run becomes a response", async () => {
  const { response } = await ask([accessThat("contacts", { refusal: "none" })], true);
  expect(response).toMatchObject({
    status: "completed",
    output: [{ content: [{ text: "Let me look. There you are." }] }],
  });
});

it.each([true, false])(
  "consent that the AI SDK swallows as a tool error ends the turn; signal taken: %s",
  async (passSignal) => {
    const { response, mock } = await ask([accessThat("contacts"), accessThat("files")], passSignal);
    expect(response.status).toBe("incomplete");
    const links = response.output
      .map(({ consent_link }) => consent_link)
      .filter((link) => link !== undefined);
    expect(links).toEqual([linkFor("contacts"), linkFor("files")]);
    const seenByTheModel = JSON.stringify(mock.doStreamCalls);
    expect(seenByTheModel).not.toContain(secretOf("contacts"));
    expect(seenByTheModel).not.toContain(secretOf("files"));
  },
);
