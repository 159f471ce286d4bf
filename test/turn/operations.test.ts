import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import {
  type ResumedTurn,
  responses,
  type ResponsesOptions,
  type ResponsesTurn,
  type RunEvent,
  type TokenSource,
  type TurnSignIn,
  type UserAccess,
  type UserContext,
  protectedResource,
  userAccess,
} from "hosted-agent-identity";
import { runTurn, withConsent } from "hosted-agent-identity/turn";
import { waitingOperations } from "../../src/turn/operations.js";
import { accessThat, collect, consentError, gate } from "../support/consenting-access.js";
import { contextOf, contextOfNobody } from "../support/test-users.js";

/** What the runs of an agent were given, turn by turn. */
interface Seen {
  readonly operationId: string;
  readonly resumed: ResumedTurn | undefined;
}

let seen: Seen[];
let isSignedIn: boolean;
beforeEach(() => {
  seen = [];
  isSignedIn = false;
});

const source = (kind: string, acquire: TokenSource["acquire"]): TokenSource => ({
  ...{ kind, provesUser: true, cacheScope: kind, usesAssertion: false, cached: true },
  skip: () => undefined,
  acquire,
});
const token = {
  status: "token",
  token: { token: "t", expiresAt: Date.now() + 3_600_000, source: "test" },
} as const;

/** An MCP server whose tools answer when this settles. */
function notesServer(answer: Promise<unknown> = Promise.resolve()): UserAccess {
  const resource = protectedResource({
    url: "https://notes.example.com/mcp",
    serverLabel: "notes",
    scopes: ["api://notes/read"],
    audiences: ["api://notes"],
  });
  const network = async (): Promise<Response> => {
    await answer;
    return Response.json({ jsonrpc: "2.0", id: 1, result: {} });
  };
  return userAccess(resource, [source("notes", async () => token)], { fetch: network });
}

const call = (access: UserAccess, name: string): Promise<Response> =>
  access.fetch(access.url, {
    method: "POST",
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } }),
  });

/** An agent that saves a note, runs a tool of its own, and then needs consent for another server. */
function agent(options: ResponsesOptions = {}) {
  const notes = notesServer();
  const handle = responses(async function* (turn: ResponsesTurn) {
    seen.push({ operationId: turn.operationId, resumed: turn.resumed });
    await call(notes, "save_note");
    yield {
      type: "response.output_item.done",
      item: { type: "function_call", call_id: "c", name: "look" },
    } as RunEvent;
    yield {
      type: "response.output_item.done",
      item: { type: "function_call_output", call_id: "c", output: "seen" },
    } as RunEvent;
    if (!isSignedIn) throw consentError("mail");
    yield "Done.";
  }, options);
  return async (context: UserContext, input: string, previousResponseId?: string) => {
    const request = new Request("http://127.0.0.1/responses", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input, previous_response_id: previousResponseId }),
    });
    return (await (await handle(request, context)).json()) as { id: string; status: string };
  };
}

const ran = [
  { name: "save_note", serverLabel: "notes", state: "answered" },
  { name: "look", state: "answered" },
];

describe("a turn that resumes another", () => {
  it("belongs to its operation, however often it is interrupted, and learns which tools have run", async () => {
    const ask = agent();
    const first = await ask(contextOf("ada"), "Save and send");
    const second = await ask(contextOf("ada"), "Save and send", first.id);
    isSignedIn = true;
    const third = await ask(contextOf("ada"), "Save and send", second.id);
    expect([first.status, second.status, third.status]).toEqual(["incomplete", "incomplete", "completed"]);
    expect(seen).toEqual([
      { operationId: first.id, resumed: undefined },
      { operationId: first.id, resumed: { tools: ran } },
      { operationId: first.id, resumed: { tools: [...ran, ...ran] } },
    ]);
  });

  it.each<[string, () => UserContext, string, boolean]>([
    ["by another person", () => contextOf("bob"), "Save and send", true],
    ["by nobody", () => contextOfNobody(), "Save and send", true],
    ["with another prompt", () => contextOf("ada"), "Something else", true],
    ["without naming the response", () => contextOf("ada"), "Save and send", false],
  ])("%s is an operation of its own", async (_, who, prompt, names) => {
    const ask = agent();
    const first = await ask(contextOf("ada"), "Save and send");
    const second = await ask(who(), prompt, names ? first.id : undefined);
    expect(seen[1]).toEqual({ operationId: second.id, resumed: undefined });
    expect(second.id).not.toBe(first.id);
  });

  it("follows a turn that was completed, and is an operation of its own", async () => {
    isSignedIn = true;
    const ask = agent();
    const first = await ask(contextOf("ada"), "Save and send");
    const second = await ask(contextOf("ada"), "Save and send", first.id);
    expect(seen[1]).toEqual({ operationId: second.id, resumed: undefined });
  });

  it("runs a message that was kept for the sign-in, on any replica", async () => {
    let kept = "";
    const signIn: TurnSignIn = {
      redeem: async (_context, text) =>
        text === "yes" ? { status: "bound", say: "Connected.", prompt: kept } : { status: "not_a_code" },
      keepPrompt: async (_context, prompt) => void (kept = prompt),
      settle: async () => undefined,
    };
    const first = await agent({ signIn })(contextOf("ada"), "Save and send");
    isSignedIn = true;
    await agent({ signIn })(contextOf("ada"), "yes");
    expect(seen[1]).toEqual({ operationId: first.id, resumed: { tools: ran } });
  });

  it("keeps a message whole that leaves no room for the list of tools", async () => {
    let kept = "";
    const signIn: TurnSignIn = {
      redeem: async () => ({ status: "not_a_code" }),
      keepPrompt: async (_context, prompt) => void (kept = prompt),
      settle: async () => undefined,
    };
    const long = "word ".repeat(17_980);
    const { id } = await agent({ signIn })(contextOf("ada"), long);
    expect(JSON.parse(kept)).toEqual({ input: long, operation: { id } });
  });
});

describe("operations that wait", () => {
  const [ada, bob] = [contextOf("ada"), contextOf("bob")];
  const request = (previousResponseId: string) => ({ body: {}, input: "x", previousResponseId });

  it("are forgotten after an hour", () => {
    let now = 0;
    const operations = waitingOperations(() => now);
    operations.interrupted(ada, "r1", request(""), { id: "op" });
    now = 3_599_999;
    expect(operations.resumedBy(ada, request("r1"))).toEqual({ id: "op" });
    now = 3_600_000;
    expect(operations.resumedBy(ada, request("r1"))).toBeUndefined();
  });

  it("are bounded for each person, and nobody takes another's room", () => {
    const operations = waitingOperations();
    operations.interrupted(bob, "bob", request(""), { id: "bob" });
    for (let n = 0; n < 100; n += 1) operations.interrupted(ada, `r${n}`, request(""), { id: `op${n}` });
    expect(operations.resumedBy(bob, request("bob"))).toEqual({ id: "bob" });
    expect(operations.resumedBy(ada, request("r83"))).toBeUndefined();
    expect(operations.resumedBy(ada, request("r84"))).toEqual({ id: "op84" });
  });
});

describe("tools under way when consent is asked for", () => {
  it("are waited for before the response says incomplete", async () => {
    const saving = gate();
    const notes = notesServer(saving.promise);
    const contacts = accessThat("contacts");
    const context = contextOf("ada");
    const interrupted = vi.fn();
    let isSaved = false;
    setTimeout(saving.open, 50);
    const events = await collect(
      withConsent(
        async function* () {
          await Promise.all([call(notes, "save_note").then(() => (isSaved = true)), contacts.token()]);
          yield "never";
        },
        { context, onConsentRequired: interrupted },
      ),
    );
    expect(events.at(-1)?.type).toBe("response.incomplete");
    expect(isSaved).toBe(true);
    expect(interrupted).toHaveBeenCalledExactlyOnceWith({
      tools: [{ name: "save_note", serverLabel: "notes", state: "answered" }],
    });
  });

  it("are named when they take longer than two seconds", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const notes = notesServer(new Promise(() => {}));
    const contacts = accessThat("contacts");
    const interrupted = vi.fn();
    const events = collect(
      withConsent(
        async function* () {
          await Promise.all([call(notes, "save_note"), contacts.token()]);
          yield "never";
        },
        { context: contextOf("ada"), onConsentRequired: interrupted },
      ),
    );
    await vi.advanceTimersByTimeAsync(2_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await events).at(-1)?.type).toBe("response.incomplete");
    expect(interrupted).toHaveBeenCalledExactlyOnceWith({
      tools: [{ name: "save_note", serverLabel: "notes", state: "under_way" }],
    });
  });
});

it("a turn of a host's own protocol has an operation, too", async () => {
  const context = contextOf("ada");
  const resumed: ResumedTurn = { tools: [{ name: "save_note", state: "answered" }] };
  const result = await runTurn(async (turn) => [turn.operationId, turn.resumed], {
    context,
    operationId: "op-1",
    resumed,
  });
  expect(result).toEqual({ status: "completed", value: ["op-1", resumed] });
});
