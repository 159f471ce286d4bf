import { beforeEach, describe, expect, it } from "vitest";
import { ConsentRequiredError, type UserContext } from "hosted-agent-identity";
import { withConsent } from "hosted-agent-identity/turn";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { recordConsent } from "../../src/context/internals.js";
import { collect, consentFor } from "../support/consenting-access.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { contextOf } from "../support/test-users.js";

let context: UserContext;
beforeEach(() => {
  context = contextOf("person");
});

async function turn(run: Parameters<typeof withConsent>[0], options: Parameters<typeof withConsent>[1] = {}) {
  const events = await collect(withConsent(run, { context, onError: () => {}, ...options }));
  return { events, response: checkedResponse(events) };
}

describe("a consent request that the run passes through", () => {
  const policy = consentLinkPolicy({ allowedOrigins: ["https://login.microsoftonline.com"] });
  const good = "https://login.microsoftonline.com/consent?x=secret";
  const asking = (link: unknown): object => ({
    type: "oauth_consent_request",
    consent_link: link,
    server_label: "contacts",
  });
  const message = { type: "message", id: "m", role: "assistant", status: "in_progress", content: [] };
  const open = { type: "response.output_item.added", output_index: 0, item: message };
  /** Each way in which an item, an event or a response of a run can ask. */
  const ways: readonly (readonly [string, (link: unknown) => readonly (object | string)[]])[] = [
    [
      "an item added",
      (link) => [{ type: "response.output_item.added", output_index: 0, item: asking(link) }],
    ],
    ["an item done", (link) => [{ type: "response.output_item.done", output_index: 0, item: asking(link) }]],
    [
      "an item done that began as another",
      (link) => [
        { type: "response.output_item.added", output_index: 0, item: asking(good) },
        { type: "response.output_item.done", output_index: 0, item: asking(link) },
      ],
    ],
    [
      "a message done as one",
      (link) => [open, { ...open, type: "response.output_item.done", item: { ...asking(link), id: "m" } }],
    ],
    [
      "the output of a response",
      (link) => [{ type: "response.completed", response: { output: [asking(link)] } }],
    ],
    [
      "the output of a response that failed",
      (link) => [{ type: "response.failed", response: { output: [asking(link)] } }],
    ],
    [
      "an event of its own",
      (link) => [{ type: "response.oauth_consent_requested", consent_link: link, server_label: "contacts" }],
    ],
    [
      "an event of its own that names an open item",
      (link) => [
        open,
        {
          type: "response.oauth_consent_requested",
          item_id: "m",
          output_index: 0,
          consent_link: link,
          server_label: "contacts",
        },
      ],
    ],
    [
      "an item in a delta",
      (link) => [open, { type: "response.output_text.delta", item_id: "m", delta: "x", item: asking(link) }],
    ],
    [
      "the output of a response in an unknown event",
      (link) => [
        open,
        {
          type: "response.tomorrow",
          item_id: "m",
          response: { output: [{ type: "message" }, asking(link)] },
        },
      ],
    ],
    [
      "an item that a framework adds after text",
      (link) => ["text", { type: "response.output_item.done", item: asking(link) }],
    ],
  ];
  const links = [
    ["https://login.microsoftonline.com.evil.example/secret", "is not allowed"],
    ["https://evil.example/secret?secret", "is not allowed"],
    ["javascript:alert('secret')", "is not an absolute https link"],
    ["https://login.microsoftonline.com@evil.example/secret", "user information"],
    [undefined, "is not a text"],
    [["https://login.microsoftonline.com/secret"], "is not a text"],
  ] as const;

  it.each(
    ways.flatMap(([way, events]) => links.map(([link, because]) => [way, link, because, events] as const)),
  )(
    "as %s is not shown with the link %j, and the turn fails as with one of its own",
    async (_, link, because, events) => {
      const told: unknown[] = [];
      const { response, events: sent } = await turn(
        async function* () {
          yield* events(link) as never[];
          yield "not reached";
        },
        { policy, onEvent: (event) => void told.push(event), onError: () => {} },
      );
      expect(response).toMatchObject({ status: "failed", error: { code: "consent_link_refused" } });
      expect(response.error?.message).toContain(because);
      expect(sent.map(({ sequence_number }) => sequence_number)).toEqual(sent.map((_event, at) => at));
      // What was refused has not left; a good link of the same item may have.
      expect(JSON.stringify(sent).replaceAll(good, "")).not.toMatch(/secret|not reached/);
      expect(told).toEqual([expect.objectContaining({ type: "consent_link_refused", from: "run" })]);
      expect(JSON.stringify(told)).not.toContain("?secret");
    },
  );

  it.each(links.filter(([, because]) => because !== "is not allowed"))(
    "is not shown with the link %j without a policy either",
    async (link) => {
      for (const [, events] of ways) {
        context = contextOf("person");
        const { response } = await turn(async function* () {
          yield* events(link) as never[];
        });
        expect(response).toMatchObject({ status: "failed", error: { code: "consent_link_refused" } });
      }
    },
  );

  it("is shown with a link that the policy allows, and ends the turn incomplete", async () => {
    for (const [way, events] of ways.filter(([name]) => !/delta|unknown event|failed|message/.test(name))) {
      context = contextOf("person");
      const { response } = await turn(
        async function* () {
          yield* events(good) as never[];
        },
        { policy },
      );
      expect([way, response.status]).toEqual([way, "incomplete"]);
      expect(response.output.at(-1)).toMatchObject({ type: "oauth_consent_request", consent_link: good });
    }
  });

  it("as an event of its own makes one item, however often it comes", async () => {
    const event = { type: "response.oauth_consent_requested", consent_link: good, server_label: "contacts" };
    const { response } = await turn(async function* () {
      yield event as never;
      yield event as never;
      yield { type: "response.output_item.done", item: { ...asking(good), server_label: "files" } } as never;
    });
    expect(response.output).toMatchObject([{ server_label: "contacts" }, { server_label: "files" }]);
  });

  it("is not shown where a policy of one's own throws something else", async () => {
    const { response } = await turn(
      async function* () {
        yield { type: "response.output_item.done", item: asking(good) } as never;
      },
      {
        policy: {
          allowedOrigins: [],
          check() {
            throw new Error("secret");
          },
        },
        onError: () => {},
      },
    );
    expect(response).toMatchObject({ status: "failed", error: { code: "consent_link_refused" } });
    expect(JSON.stringify(response)).not.toContain("secret");
  });
});

it("a consent request with a foreign origin raises an event, whether it was thrown or recorded", async () => {
  const policy = consentLinkPolicy({ allowedOrigins: ["https://login.microsoftonline.com"] });
  for (const how of ["thrown", "recorded"]) {
    context = contextOf("person");
    const told: unknown[] = [];
    await turn(
      async function* () {
        const error = new ConsentRequiredError([consentFor("files", "https://evil.example/a?secret")]);
        if (how === "thrown") throw error;
        recordConsent(context, error.requests);
        yield "x";
      },
      { policy, onEvent: (event) => void told.push(event), onError: () => {} },
    );
    expect(told).toEqual([
      {
        type: "consent_link_refused",
        from: "turn",
        serverLabel: "files",
        origin: "https://evil.example",
        path: "/a",
      },
    ]);
  }
});
