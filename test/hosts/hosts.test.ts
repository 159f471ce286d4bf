import { createServer } from "node:http";
import express from "express";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  createUserContext,
  getUserContext,
  tryGetUserContext,
  type UserContextOptions,
} from "hosted-agent-identity";
import {
  consentEvents,
  oauthConsentRequest,
  type ResponseEvent,
  runTurn,
  withConsent,
} from "hosted-agent-identity/turn";
import { type ConsentCard, consentReader, readConsentRequests } from "hosted-agent-identity/consent";
import { userContext } from "hosted-agent-identity/express";
import { listening, type RunningHost } from "../support/listening.js";
import { checkedResponse } from "../support/responses-protocol.js";
import { communityHost, TextResponse, type Handler } from "./community-host.js";
import { eventLoopHost, type Job, type Ticket } from "./event-loop-host.js";
import { grantingAccess, type GrantingAccess } from "./granting-access.js";
import { answerOf, barrier, runAgent, type RunOptions, type SeenByTheModel } from "./small-framework.js";

/** As in the container: the platform says who it is, and no token comes. */
const options: UserContextOptions = {
  verify: "none",
  platformUserId: "one-person",
  environment: {
    hosted: true,
    agentName: "agent",
    projectEndpoint: "https://contoso.services.ai.azure.com/api/projects/support",
  },
};
const headersOf = (user: string) => ({
  "x-agent-user-id": user,
  "x-agent-foundry-call-id": `call-of-${user}`,
});

let contacts: GrantingAccess;
let seen: SeenByTheModel;
let meanwhile: () => Promise<void>;
let host: RunningHost | undefined;
beforeEach(() => {
  contacts = grantingAccess("contacts");
  seen = [];
  meanwhile = async () => {};
});
afterEach(async () => {
  await host?.close();
  host = undefined;
});

const runOf = (prompt: string): RunOptions => ({
  prompt,
  access: contacts.access,
  seen,
  meanwhile: () => meanwhile(),
});

/** Asks as a person; gives what a client finds in the answer. */
type Ask = (user: string, prompt: string, previousResponseId?: string) => Promise<Answer>;

interface Answer {
  readonly status: string | undefined;
  readonly text: string;
  readonly cards: readonly ConsentCard[];
  readonly previousResponseId?: string | null;
}

/** Two people in the middle of their turns at the same time, each asked, each answered after their own consent. */
async function twoPeople(ask: Ask): Promise<void> {
  const prompts = { ada: "Whom do I know?", bob: "Where is my file?" };
  const together = barrier(2);
  meanwhile = together;
  const [ofAda, ofBob] = await Promise.all([ask("ada", prompts.ada), ask("bob", prompts.bob)]);
  for (const answer of [ofAda, ofBob]) {
    expect(answer).toMatchObject({ status: "incomplete", cards: [{ serverLabel: "contacts" }] });
    expect(answer.text).not.toContain("I found");
  }
  const [adasCard, bobsCard] = [ofAda.cards[0], ofBob.cards[0]];
  expect(adasCard?.link).not.toBe(bobsCard?.link);

  contacts.open(adasCard?.link ?? "");
  meanwhile = async () => {};
  const [again, stillAsked] = await Promise.all([
    ask("ada", prompts.ada, adasCard?.responseId),
    ask("bob", prompts.bob, bobsCard?.responseId),
  ]);
  expect(again).toMatchObject({ status: "completed", cards: [] });
  expect(again.text).toContain("I found: token-of-ada");
  expect(stillAsked).toMatchObject({ status: "incomplete", cards: [{ serverLabel: "contacts" }] });

  contacts.open(bobsCard?.link ?? "");
  meanwhile = together;
  const both = await Promise.all([ask("bob", prompts.bob, bobsCard?.responseId), ask("ada", prompts.ada)]);
  expect(both.map(({ status }) => status)).toEqual(["completed", "completed"]);
  expect(both.map(({ text }) => /I found: (.*)/.exec(text)?.[1])).toEqual(["token-of-bob", "token-of-ada"]);

  expect(contacts.secrets.length).toBeGreaterThanOrEqual(2);
  expect(seen).toContain(prompts.ada);
  expect(seen.some((text) => text.includes("consent_required"))).toBe(true);
  for (const secret of contacts.secrets) expect(seen.join("\n")).not.toContain(secret);
}

describe("a host with a queue, an event loop and an AsyncLocalStorage of its own", () => {
  /** Which job the host's storage named, and whether a person was known, outside of our code. */
  let named: (string | undefined)[] = [];
  beforeEach(() => {
    named = [];
  });

  async function whole({ headers, prompt, previousResponseId }: Job, { responseId }: Ticket) {
    const context = await createUserContext(headers, options);
    return withConsent(
      async function* () {
        for await (const piece of runAgent(runOf(prompt))) {
          named.push(queue.current());
          yield piece;
        }
      },
      { context, responseId, ...(previousResponseId === undefined ? {} : { previousResponseId }) },
    );
  }

  /** The host writes its own events, and takes from us only what the user has to do. */
  async function* parts(
    { headers, prompt, previousResponseId }: Job,
    { responseId }: Ticket,
  ): AsyncGenerator<ResponseEvent> {
    const context = await createUserContext(headers, options);
    const base = {
      id: responseId,
      object: "response" as const,
      created_at: 1,
      model: "agent",
      previous_response_id: previousResponseId ?? null,
      completed_at: null,
      error: null,
      incomplete_details: null,
    };
    const opening = { ...base, status: "in_progress" as const, output: [] };
    yield { type: "response.created", sequence_number: 0, response: opening };
    yield { type: "response.in_progress", sequence_number: 1, response: opening };
    const turn = await runTurn(() => answerOf(runOf(prompt)), { context });
    const items =
      turn.status === "completed"
        ? [message(responseId, turn.value)]
        : turn.requests.map(({ link, serverLabel }) =>
            oauthConsentRequest({ consentLink: link, serverLabel, responseId }),
          );
    const events = consentEvents(items, { sequenceNumber: 2, outputIndex: 0 });
    yield* events;
    const [status, completed_at] =
      turn.status === "completed" ? (["completed", 2] as const) : (["incomplete", null] as const);
    yield {
      type: `response.${status}`,
      sequence_number: 2 + events.length,
      response: { ...base, status, completed_at, output: items },
    };
    context.end();
  }

  const message = (response_id: string, text: string) => ({
    type: "message",
    id: `msg_${response_id}`,
    status: "completed",
    response_id,
    content: [{ type: "output_text", text }],
  });

  let queue: ReturnType<typeof eventLoopHost<ResponseEvent>>;

  it.each([
    ["withConsent() around the run", whole],
    [
      "runTurn() and consentEvents() in events of its own",
      async (job: Job, ticket: Ticket) => parts(job, ticket),
    ],
  ])("%s", async (_, work) => {
    queue = eventLoopHost<ResponseEvent>(work);
    await twoPeople(async (user, prompt, previousResponseId) => {
      const events = await queue.submit({
        headers: headersOf(user),
        prompt,
        ...(previousResponseId === undefined ? {} : { previousResponseId }),
      });
      const response = checkedResponse(events);
      expect(response.previous_response_id).toBe(previousResponseId ?? null);
      const read = consentReader();
      return {
        status: response.status,
        text: textOf(response),
        cards: events.flatMap((event) => read(event)),
      };
    });
    expect(tryGetUserContext()).toBeUndefined();
    if (work === whole) {
      // Both storages hold in one run, and neither is the other's.
      expect(named).not.toContain(undefined);
      expect(new Set(named).size).toBe(6);
    }
  });
});

describe("a router of somebody else, with handlers of the form (request, context) => answer", () => {
  const handlers: Readonly<Record<string, Handler>> = {
    "the handler returns the events of withConsent()": (request, { responseId, signal }) =>
      withConsent(() => runAgent(runOf(request.input)), { responseId, signal }),
    "the handler returns a text, or the events that ask": async (request, { responseId, signal }) => {
      // The host's router has read the body since; the person is still known here.
      expect(getUserContext().principal).toMatchObject({ kind: "platform" });
      const turn = await runTurn(() => answerOf(runOf(request.input)), { signal });
      if (turn.status === "completed") return new TextResponse(turn.value);
      return asking(turn.requests, responseId);
    },
  };

  async function* asking(
    requests: readonly { readonly link: string; readonly serverLabel: string }[],
    id: string,
  ) {
    const output = requests.map(({ link, serverLabel }) =>
      oauthConsentRequest({ consentLink: link, serverLabel, responseId: id }),
    );
    const response = { id, object: "response", incomplete_details: null };
    yield { type: "response.created", response: { ...response, status: "in_progress", output: [] } };
    yield* consentEvents(output, { sequenceNumber: 1, outputIndex: 0 });
    yield { type: "response.incomplete", response: { ...response, status: "incomplete", output } };
  }

  describe.each(Object.entries(handlers))("%s", (_, handler) => {
    it.each([true, false])("streamed: %s", async (stream) => {
      const app = express();
      app.use(userContext(options));
      app.use("/agent", communityHost(handler));
      host = await listening(createServer(app));
      await twoPeople(async (user, prompt, previous_response_id) => {
        const answer = await fetch(`${host?.url}/agent/responses`, {
          method: "POST",
          headers: { ...headersOf(user), "content-type": "application/json" },
          body: JSON.stringify({ input: prompt, stream, previous_response_id }),
        });
        const body = await answer.text();
        if (!stream) {
          const response = JSON.parse(body) as Written;
          return { status: response.status, text: textOf(response), cards: readConsentRequests(response) };
        }
        const read = consentReader();
        const events = [...body.matchAll(/^data: (.*)$/gm)].map(
          ([, data]) => JSON.parse(data ?? "") as { response?: Written },
        );
        const last = events.at(-1)?.response ?? expect.fail("no last response");
        return { status: last.status, text: textOf(last), cards: events.flatMap((event) => read(event)) };
      });
    });
  });
});

interface Written {
  readonly status: string;
  readonly output: readonly {
    readonly content?: readonly { readonly type: string; readonly text?: string }[];
  }[];
}

function textOf({ output }: Written): string {
  return output
    .flatMap(({ content }) => content ?? [])
    .map(({ text }) => text ?? "")
    .join("");
}
