import { describe, expect, it } from "vitest";
import { oauthConsentRequest, toSse, type ResponseEvent } from "hosted-agent-identity/turn";

/** What a client reads of events that a host has made itself, and whether their generator was ended. */
async function sent(
  ...events: readonly unknown[]
): Promise<{ text: string; error: unknown; ended: boolean }> {
  let [text, ended] = ["", false];
  const own = async function* (): AsyncGenerator<ResponseEvent> {
    try {
      yield* events as readonly ResponseEvent[];
    } finally {
      ended = true;
    }
  };
  try {
    for await (const chunk of toSse(own())) text += Buffer.from(chunk).toString();
    return { text, error: undefined, ended };
  } catch (error) {
    return { text, error, ended };
  }
}

const hello = { type: "response.output_text.delta", sequence_number: 0, delta: "hello" };
const done = (item: unknown): unknown => ({ type: "response.output_item.done", sequence_number: 1, item });
const asking = (consent_link: string): object => ({
  ...oauthConsentRequest({ consentLink: "https://login.example/consent", serverLabel: "contacts" }),
  consent_link,
});

describe("events of a host's own", () => {
  it("are sent as they are where they are good", async () => {
    const item = asking("https://login.example/consent");
    const { text, error } = await sent(hello, done(item), {
      type: "response.incomplete",
      response: { output: [item] },
    });
    expect(error).toBeUndefined();
    expect(text).toContain(`event: response.output_text.delta\ndata: ${JSON.stringify(hello)}\n\n`);
    expect(text).toContain(`data: ${JSON.stringify(done(item))}\n\n`);
  });

  const bad = asking("javascript:alert(1)");
  it.each([
    ["an item", done(bad)],
    ["a list of a response", { type: "response.incomplete", response: { output: [bad] } }],
    ["an event of an older service", { ...bad, type: "response.oauth_consent_requested" }],
    ["an item that says something else when it is read again", done({ toJSON: () => bad })],
  ])(
    "break the stream and end the turn where %s has a link that no person may be sent to",
    async (_where, event) => {
      const { text, error, ended } = await sent(hello, event, hello);
      expect(error).toMatchObject({ code: "consent_link_refused" });
      expect(text).toBe(`event: response.output_text.delta\ndata: ${JSON.stringify(hello)}\n\n`);
      expect(ended).toBe(true);
    },
  );

  it.each([
    ["an item without a type", done({ id: "x" })],
    ["no event", { type: "text-delta", text: "x" }],
    ["a name with a line break", { type: "response.x\ndata: y" }],
    ["a text", "hello"],
    ["a BigInt", { type: "response.x", n: 1n }],
  ])("break the stream where there is %s", async (_what, event) => {
    expect(await sent(event)).toMatchObject({ error: { code: "invalid_run_output" }, text: "", ended: true });
  });

  it("may be the pause of a long call of OpenAI, which becomes a comment", async () => {
    expect(await sent({ type: "keepalive", sequence_number: 3 })).toMatchObject({ text: ": keep-alive\n\n" });
  });
});
