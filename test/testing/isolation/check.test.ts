import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  checkIsolation,
  startEntra,
  startWitness,
  type EntraEmulator,
  type IsolationOptions,
  type IsolationReport,
} from "../../../src/testing/index.js";
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
  return checkIsolation({ agent: agent.url, entra, witness, ...options });
}

describe("an agent that keeps people apart", () => {
  test.each([1, 2, 3])("has no fault, and had trouble of every kind (seed %i)", async (seed) => {
    const report = await checked({ seed });
    expect(report).toMatchObject({ faults: [], seed });
    // The run was as hard as it is meant to be, and still most of it was answered and compared.
    expect(Object.keys(report.troubles).toSorted()).toEqual([...troubles].toSorted());
    expect(report.questions).toBeGreaterThanOrEqual(45);
    expect(report.answersChecked).toBeGreaterThan(25);
    expect(report.tokensChecked).toBeGreaterThan(25);
  });
});

describe("an agent is found out when", () => {
  test.each(Object.entries(mistakes) as [Mistake, string][])("%s (%s)", async (mistake, kind) => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const { faults } = await checked({ seed }, { mistake });
      expect(faults.map((fault) => fault.kind)).toContain(kind);
    }
  });
});
