import { afterEach, describe, expect, it } from "vitest";
import { gate } from "../support/consenting-access.js";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import type { RunningHost } from "../support/listening.js";

const comment = ": keep-alive\n\n";
let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

function ask(stream: boolean): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream }),
  });
}

describe.each(Object.entries(responsesHosts))("on %s", (_, start: StartHost) => {
  it("a stream on which nothing comes is kept open by comments, between events", async () => {
    const go = gate();
    host = await start(
      async function* () {
        yield "first";
        await go.promise;
        yield "second";
      },
      { keepAliveMs: 5 },
    );
    const response = await ask(true);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      // The run goes on only after two comments have come.
      if (text.split(comment).length > 2) go.open();
    }
    const blocks = text.split("\n\n").slice(0, -1);
    expect(blocks.filter((block) => block === ": keep-alive").length).toBeGreaterThan(1);
    const events = blocks.filter((block) => block !== ": keep-alive");
    for (const event of events) expect(event).toMatch(/^event: \S+\ndata: \{.*\}$/);
    expect(events.at(-1)).toContain("response.completed");
  });

  it("an answer that is no stream has no comments", async () => {
    host = await start(
      async function* () {
        await new Promise((next) => setTimeout(next, 15));
        yield "x";
      },
      { keepAliveMs: 1 },
    );
    expect(await (await ask(false)).json()).toMatchObject({ status: "completed" });
  });
});
