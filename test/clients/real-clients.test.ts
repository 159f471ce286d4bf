import { AIProjectClient } from "@azure/ai-projects";
import OpenAI from "openai";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { foundryToolbox, type FoundryToolbox } from "hosted-agent-identity";
import { type ConsentCard, consentReader, readConsentRequests } from "hosted-agent-identity/consent";
import type { FoundryEmulator } from "hosted-agent-identity/testing";
import { openClient, type RealClient } from "../support/mcp-clients.js";
import {
  foundryWorld,
  startContainer,
  type FoundryWorld,
  type RunningContainer,
} from "../testing/foundry/world.js";

interface Asked {
  readonly model: string;
  readonly input: string;
  readonly previous_response_id?: string;
}

interface Answered {
  readonly id: string;
  readonly status?: string | undefined;
  readonly output_text: string;
  readonly previous_response_id?: string | null | undefined;
}

/** What the clients have in common; each brings an OpenAI client of its own version, with its own types. */
interface Agent {
  readonly responses: {
    create(
      body: Asked & { stream: true },
    ): PromiseLike<
      AsyncIterable<{ readonly type: string; readonly delta?: unknown; readonly response?: unknown }>
    >;
    create(body: Asked): PromiseLike<Answered>;
    stream(body: Asked): { finalResponse(): Promise<Answered> };
  };
}

/** The clients people really use, unmodified, at the agent's endpoint of a project. */
const clients: Readonly<Record<string, (projectEndpoint: string, token: () => Promise<string>) => Agent>> = {
  openai: (projectEndpoint, apiKey) =>
    new OpenAI({
      apiKey,
      baseURL: `${projectEndpoint}/agents/agent/endpoint/protocols/openai`,
      defaultQuery: { "api-version": "v1" },
      maxRetries: 0,
    }),
  "@azure/ai-projects": (projectEndpoint, token) =>
    new AIProjectClient(projectEndpoint, {
      getToken: async () => ({ token: await token(), expiresOnTimestamp: Date.now() + 3_600_000 }),
    }).getOpenAIClient({ azureConfig: { agentName: "agent", allowPreview: true }, maxRetries: 0 }),
};

let world: FoundryWorld;
let container: RunningContainer;
let foundry: FoundryEmulator;
let toolbox: FoundryToolbox;
/** What the agent was asked, and after which response. */
const asked: { readonly input: string; readonly after: string | undefined }[] = [];

beforeAll(async () => {
  world = await foundryWorld();
  // An agent in the container, its tool behind a toolbox, the gateway before it: all on sockets.
  container = await startContainer(async function* ({ input, request }) {
    asked.push({ input, after: request.previousResponseId });
    yield "Let me look. ";
    const client = await openClient("v1", toolbox.url, { fetch: toolbox.fetch });
    try {
      yield `You are ${await callerAt(client)}.`;
    } finally {
      await client.close();
    }
  });
});
beforeEach(async () => {
  asked.length = 0;
  foundry = await world.start({
    agentUrl: container.url,
    toolboxes: [{ name: "tools", sources: [world.people] }],
  });
  toolbox = foundryToolbox({
    name: "tools",
    projectEndpoint: foundry.projectEndpoint,
    credential: {
      getToken: async () => ({ token: await world.agentToken(), expiresOnTimestamp: Date.now() + 3_600_000 }),
    },
  });
});
afterEach(() => foundry.close());
afterAll(async () => {
  await container.close();
  await world.close();
});

/** Who the MCP server behind the toolbox says is calling. */
async function callerAt(client: RealClient): Promise<string> {
  const { content } = (await client.callTool({ name: "people.whoami", arguments: { nonce: "n" } })) as {
    content: { text: string }[];
  };
  return (JSON.parse(content[0]?.text ?? "null") as { caller: string }).caller;
}

const prompt = "Who am I?";
const again = (card: ConsentCard | undefined) => ({
  model: "agent",
  input: prompt,
  previous_response_id: card?.responseId ?? expect.fail("the card names no response"),
});

describe.each(Object.entries(clients))("the client %s", (_, connect) => {
  const clientOf = (user: string) => connect(foundry.projectEndpoint, () => world.tokenOf(user));

  async function streamed(
    agent: Agent,
    more: Partial<Asked> = {},
  ): Promise<{ cards: ConsentCard[]; foundAt: string[]; last: Answered; texts: string }> {
    const read = consentReader();
    const cards: ConsentCard[] = [];
    const foundAt: string[] = [];
    let last: Answered | undefined;
    let texts = "";
    const stream = await agent.responses.create({ model: "agent", input: prompt, stream: true, ...more });
    for await (const event of stream) {
      const found = read(event);
      cards.push(...found);
      foundAt.push(...found.map(() => event.type));
      if (event.type === "response.output_text.delta") texts += String(event.delta);
      if (event.type === "response.incomplete" || event.type === "response.completed")
        last = event.response as Answered;
    }
    return { cards, foundAt, last: last ?? expect.fail("no last event"), texts };
  }

  it("finds the request in a stream, parses response.incomplete, and completes after the consent", async () => {
    const agent = clientOf("Ada");
    const first = await streamed(agent);
    expect(first.last).toMatchObject({ status: "incomplete", incomplete_details: null, error: null });
    // Once, as early as it can be known, and not again with the item done and the last event.
    expect(first.foundAt).toEqual(["response.output_item.added"]);
    const [card] = first.cards;
    expect(card).toMatchObject({
      link: expect.stringMatching(/^http/),
      serverLabel: "tools",
      responseId: first.last.id,
      agentReference: { name: "agent" },
    });
    await foundry.giveConsent({ link: card?.link ?? "", user: "Ada" });
    const second = await streamed(agent, again(card));
    expect(second).toMatchObject({
      cards: [],
      texts: "Let me look. You are Ada.",
      last: { status: "completed" },
    });
    expect(second.last.previous_response_id).toBe(first.last.id);
    expect(asked).toEqual([
      { input: prompt, after: undefined },
      { input: prompt, after: first.last.id },
    ]);
  });

  it("finds it in what create() returns, and completes after the consent", async () => {
    const agent = clientOf("Ada");
    const first = await agent.responses.create({ model: "agent", input: prompt });
    expect(first).toMatchObject({
      status: "incomplete",
      incomplete_details: null,
      output_text: "Let me look. ",
    });
    const cards = readConsentRequests(first);
    expect(cards).toMatchObject([{ serverLabel: "tools", responseId: first.id }]);
    await foundry.giveConsent({ link: cards[0]?.link ?? "", user: "Ada" });
    const second = await agent.responses.create(again(cards[0]));
    expect(second).toMatchObject({ status: "completed", output_text: "Let me look. You are Ada." });
    expect(readConsentRequests(second)).toEqual([]);
  });

  it("finds it in the final response of the stream helper", async () => {
    const stream = clientOf("Bob").responses.stream({ model: "agent", input: prompt });
    const last = await stream.finalResponse();
    // The helper of openai 6 keeps what response.created said: only the output can be relied on.
    expect(["incomplete", "in_progress"]).toContain(last.status);
    const [card] = readConsentRequests(last);
    expect(card).toMatchObject({ serverLabel: "tools", responseId: last.id });
  });

  it("one person's consent does not answer another's prompt", async () => {
    const [ada, bob] = [clientOf("Ada"), clientOf("Bob")];
    const [ofAda, ofBob] = await Promise.all([streamed(ada), streamed(bob)]);
    await foundry.giveConsent({ link: ofAda.cards[0]?.link ?? "", user: "Ada" });
    const [forAda, forBob] = await Promise.all([
      streamed(ada, again(ofAda.cards[0])),
      streamed(bob, again(ofBob.cards[0])),
    ]);
    expect(forAda.texts).toContain("You are Ada.");
    expect(forBob).toMatchObject({ texts: "Let me look. ", last: { status: "incomplete" } });
    expect(forBob.cards).toHaveLength(1);
  });
});
