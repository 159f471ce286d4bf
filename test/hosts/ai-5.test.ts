import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { responses, runWithUserContext, type ResponsesRun } from "hosted-agent-identity";
import { hurryRetries, modelFailures } from "../support/model-failures.js";
import { scriptedModel, type ScriptedModel } from "../support/scripted-model.js";
import { contextOf } from "../support/test-users.js";
import { startChatModel, type ChatModel } from "./chat-model.js";
import { install, typeFaults } from "./install.js";

/** Version 5 has other names for its stream and for how it ends than 6, which the repository's own tests run with. */
const folder = fileURLToPath(new URL("ai-5", import.meta.url));
await install(folder);
const { ai5Run } = (await import(`${folder}/agent.ts`)) as {
  ai5Run: (baseURL: string, wire: "responses" | "chat") => ResponsesRun;
};

let responsesModel: ScriptedModel;
let chatModel: ChatModel;
beforeEach(async () => {
  responsesModel = await scriptedModel([{ tool: "contacts_weather" }, { text: () => "20 degrees." }]);
  chatModel = await startChatModel(async () => {});
});
afterEach(async () => {
  await responsesModel.close();
  await chatModel.close();
});

it("has the types that aiSdkOutput() expects", async () => {
  expect(await typeFaults(folder)).toBe("");
}, 60_000);

describe.each(["responses", "chat"] as const)("a run of AI SDK 5 whose model speaks %s", (wire) => {
  async function ask(stream: boolean): Promise<Response> {
    const baseURL = wire === "chat" ? chatModel.baseURL : responsesModel.baseUrl;
    const request = new Request("http://127.0.0.1/responses", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input: "contacts:weather", stream }),
    });
    return runWithUserContext(contextOf("ada"), () => responses(ai5Run(baseURL, wire))(request));
  }

  it("is text, calls and results as items", async () => {
    const { status, output } = await (await ask(false)).json();
    expect(status).toBe("completed");
    const types = ["function_call", "function_call_output", "message"];
    expect(output.map(({ type }: { type: string }) => type)).toEqual(
      wire === "chat" ? ["message", ...types] : types,
    );
    expect(output.at(-2)).toMatchObject({ output: '{"celsius":20}' });
  });

  it.each(modelFailures)("is a failed turn where the model %s, streamed and plain", async (failure) => {
    hurryRetries();
    responsesModel.fail(failure);
    chatModel.fail(failure);
    expect(await (await ask(true)).text()).toMatch(/"type":"response\.failed".*\n\n$/);
    expect(await (await ask(false)).json()).toMatchObject({ status: "failed" });
  });
});
