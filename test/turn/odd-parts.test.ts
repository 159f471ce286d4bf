import { expect, it } from "vitest";
import { withConsent } from "hosted-agent-identity/turn";
import { collect } from "../support/consenting-access.js";
import { contextOf } from "../support/test-users.js";

it.each([{ toString: 1, valueOf: 1 }, "constructor", "__proto__", 5, null])(
  "a part of the odd type %j, whose item is left open, ends like any other",
  async (type) => {
    const place = { item_id: "m", output_index: 0, content_index: 0 };
    const item = { type: "message", id: "m", role: "assistant", status: "in_progress", content: [] };
    const events = await collect(
      withConsent(
        async function* () {
          yield { type: "response.output_item.added", output_index: 0, item } as never;
          yield { type: "response.content_part.added", ...place, part: { type, text: "" } } as never;
        },
        { context: contextOf("person") },
      ),
    );
    expect(events.map((event) => event.type)).toEqual([
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.content_part.done",
      "response.output_item.done",
      "response.incomplete",
    ]);
  },
);
