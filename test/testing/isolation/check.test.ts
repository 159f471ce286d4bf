import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  checkIsolation,
  type EntraEmulator,
  type IsolationOptions,
  type IsolationReport,
  startEntra,
  startWitness,
} from "hosted-agent-identity/testing";
import { troubles } from "../../../src/testing/isolation/plan.js";
import { mistakes, startAgent, type AgentUnderTestOptions, type Mistake } from "./agents.js";

// A run takes a second or two; a busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 });

const stops: (() => Promise<void>)[] = [];
let entra: EntraEmulator;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      {
        name: "contacts",
        scopes: ["contacts.read"],
        preAuthorized: [{ client: "agent", scopes: ["contacts.read"] }],
      },
    ],
    users: ["Ada", "Bob", "Cy", "Dee", "Eve"].map((name) => ({ name })),
    // The access stops using a token 30 seconds before its end: they are renewed all the time.
    accessTokenLifetimeS: 32,
  });
});

afterAll(() => entra.close());

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function checked(
  options: Partial<IsolationOptions>,
  agentOptions: Partial<AgentUnderTestOptions> = {},
): Promise<IsolationReport> {
  const witness = await startWitness({ entra, app: "contacts" });
  const agent = await startAgent({ entra, witness, ...agentOptions });
  stops.push(witness.close, agent.close);
  const report = await checkIsolation({ agent: agent.url, entra, witness, ...options });
  const shown = JSON.stringify([report, witness.calls]);
  expect(entra.issued.filter(({ value }) => shown.includes(value.slice(-24)))).toEqual([]);
  return report;
}

describe("an agent that keeps people apart", () => {
  test.each([1, 2])("has no fault, and had trouble of every kind (seed %i)", async (seed) => {
    const report = await checked({ seed });
    expect(report).toMatchObject({ faults: [], seed });
    // The run was as hard as it is meant to be, and still most of it was answered and compared.
    expect(Object.keys(report.troubles).toSorted()).toEqual([...troubles].toSorted());
    expect(report.questions).toBeGreaterThanOrEqual(45);
    expect(report.answersChecked).toBeGreaterThan(25);
    expect(report.tokensChecked).toBeGreaterThan(25);
    expect(report.elicitationsChecked).toBeGreaterThan(5);
  });
});

describe("an agent is found out, whatever the seed, when", () => {
  test.each(Object.entries(mistakes) as [Mistake, (typeof mistakes)[Mistake]][])(
    "%s",
    async (mistake, { kind, seeds }) => {
      for (const seed of seeds) {
        const report = await checked({ seed }, { mistake });
        expect(report.faults.map((fault) => fault.kind)).toContain(kind);
        expect(report.faults[0]?.text).toContain(`seed ${seed}`);
      }
    },
  );

  test("somebody who comes without a token is served as somebody else, in words that say so", async () => {
    const { faults } = await checked({ seed: 1 }, { mistake: "nobody is taken for the last user" });
    const [fault] = faults.filter(({ kind }) => kind === "wrong_token");
    expect(fault).toMatchObject({ who: "somebody without a user token", turn: expect.any(Number) });
    expect(fault?.text).toMatch(
      /^Question \d of somebody without a user token reached the MCP server with \w+'s token \(.+ seed 1\)\.$/,
    );
  });
});

describe("what cannot be checked is a fault too:", () => {
  test("an agent that is not there", async () => {
    const gone = await startWitness({ entra, app: "contacts" });
    await gone.close();
    const { faults, questions } = await checked({ agent: new URL(gone.url).origin, seed: 1 });
    const text = "Question 1 of everybody was not answered: no answer (ECONNREFUSED) (seed 1).";
    expect(faults).toEqual([{ kind: "unanswered", who: "everybody", turn: 1, text }]);
    expect(questions).toBe(entra.users.length);
  });

  test.each<[string, () => Response | Promise<Response>, RegExp]>([
    ["an agent that says nothing of anybody", () => Response.json({ answer: "Hello" }), /call a tool of the/],
    [
      "an agent that refuses",
      () => Response.json({ error: { code: "user_token_audience" } }, { status: 401 }),
      /401, user_token_audience/,
    ],
    ["an agent that never answers", () => new Promise<never>(() => {}), /timed out/],
    ["an agent whose answer never ends", () => new Response(new ReadableStream()), /timed out/],
    ["an agent that throws", () => Promise.reject(new TypeError("oh")), /no answer \(TypeError\)/],
  ])("%s", async (_what, agent, text) => {
    const { faults } = await checked({ agent, timeoutMs: 100 });
    expect(faults).toMatchObject([{ kind: "unanswered", text: expect.stringMatching(text) }]);
  });

  test("an agent that does not recover", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    stops.push(async () => void vi.useRealTimers());
    let asked = 0;
    const tell = async (request: Request): Promise<Response> => {
      asked += 1;
      if (asked > 5) {
        vi.setSystemTime(Date.now() + 3_000);
        return new Response("no", { status: 503 });
      }
      const token = request.headers.get("x-client-user-token") ?? "";
      const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
        oid: string;
      };
      return Response.json({ oid: claims.oid });
    };
    const { faults } = await checked({ agent: tell, turns: 2, seed: 1 });
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.map(({ kind, turn }) => ({ kind, turn }))).toContainEqual({ kind: "unanswered", turn: 3 });
  });
});

test("the agent may be a function, and its token may come in Authorization", async () => {
  const witness = await startWitness({ entra, app: "contacts" });
  const agent = await startAgent({ entra, witness });
  stops.push(witness.close, agent.close);
  const report = await checkIsolation({
    entra,
    witness,
    seed: 1,
    turns: 3,
    users: ["Ada", "Bob"],
    tokenHeader: "authorization",
    agent({ headers: sent, body, signal }) {
      const headers = new Headers(sent);
      const token = headers.get("authorization")?.replace("Bearer ", "");
      expect(headers.has("x-client-user-token")).toBe(false);
      if (token !== undefined) headers.set("x-client-user-token", token);
      headers.delete("authorization");
      const init = { method: "POST", headers, body, duplex: "half", signal };
      return fetch(`${agent.url}/responses`, init as RequestInit);
    },
  });
  expect(report.faults).toEqual([]);
  expect(report.answersChecked).toBeGreaterThan(3);
});

describe("troubles of one's own", () => {
  const users = ["Ada", "Bob"];

  test("begin and end while people ask: a store of tokens that is down", async () => {
    const kept = new Map<string, string>();
    let isDown = false;
    let refused = 0;
    const calls: string[] = [];
    const at = <T>(value: T): Promise<T> => {
      if (!isDown) return Promise.resolve(value);
      refused += 1;
      return Promise.reject(new Error("down"));
    };
    const store = {
      get: (key: string) => at(kept.get(key)),
      set: (key: string, value: string) => at(void kept.set(key, value)),
      delete: (key: string) => at(void kept.delete(key)),
    };
    const report = await checked(
      {
        seed: 1,
        troubles: [
          {
            name: "store down",
            begin() {
              calls.push("begin");
              isDown = true;
            },
            end() {
              calls.push("end");
              isDown = false;
            },
          },
        ],
      },
      { store },
    );
    expect(report).toMatchObject({ faults: [], troubles: { "store down": 1 } });
    expect(calls).toEqual(["begin", "end"]);
    expect(refused).toBeGreaterThan(0);
    expect(kept.size).toBeGreaterThan(0);
  });

  test("end also when the check fails, and then nothing is left behind", async () => {
    const before = [...entra.policies.list()];
    const calls: string[] = [];
    const trouble = (name: string) => ({
      name,
      begin: () => void calls.push(`begin ${name}`),
      end: () => void calls.push(`end ${name}`),
    });
    const failing = checked({
      seed: 1,
      users,
      troubles: [trouble("first"), trouble("second")],
      prompt(nonce) {
        // From then on nobody asks any more, so that no question comes after the trouble.
        if (calls.includes("begin second")) throw new RangeError("no question left");
        return nonce;
      },
    });
    await expect(failing).rejects.toThrow("no question left");
    expect(calls).toEqual(["begin first", "end first", "begin second", "end second"]);
    expect(entra.policies.list()).toEqual(before);
  });

  test("that cannot begin fail the check", async () => {
    const calls: string[] = [];
    const trouble = {
      name: "none",
      begin: () => Promise.reject(new RangeError("no such store")),
      end: () => void calls.push("end"),
    };
    await expect(checked({ seed: 1, users, troubles: [trouble] })).rejects.toThrow("no such store");
    expect(calls).toEqual(["end"]);
  });
});

test.each<[string, Partial<IsolationOptions>]>([
  ["one user only", { users: ["Ada"] }],
  ["one user twice", { users: ["Ada", "Ada"] }],
  ["a user nobody declared", { users: ["Ada", "Zoe"] }],
  ["an app nobody declared", { agentApp: "nothing" }],
  ["one turn", { turns: 1 }],
  ["a seed that is no number", { seed: Number.NaN }],
])("refuses %s", async (_what, options) => {
  await expect(checked(options)).rejects.toMatchObject({ code: "invalid_option" });
});
