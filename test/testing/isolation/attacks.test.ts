import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import {
  checkIsolation,
  type EntraEmulator,
  type IsolationOptions,
  type IsolationReport,
  startEntra,
  startWitness,
} from "hosted-agent-identity/testing";
import {
  type AttackedAgentOptions,
  startAttackedAgent,
  type Weakness,
  weaknesses,
} from "./attacked-agent.js";

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
      { name: "mail", scopes: ["mail.read"] },
    ],
    users: ["Ada", "Bob", "Cy"].map((name) => ({ name })),
  });
});
afterAll(() => entra.close());
// Turns fail under trouble, and their errors are printed.
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function attacked(
  agentOptions: Omit<AttackedAgentOptions, "entra" | "witness">,
  options: Partial<IsolationOptions> = {},
): Promise<IsolationReport> {
  const witness = await startWitness({ entra, app: "contacts" });
  const agent = await startAttackedAgent({ entra, witness, ...agentOptions });
  stops.push(witness.close, agent.close);
  const report = await checkIsolation({ agent: agent.url, entra, witness, seed: 1, turns: 3, ...options });
  const shown = JSON.stringify([report, witness.calls]);
  expect(entra.issued.filter(({ value }) => shown.includes(value.slice(-24)))).toEqual([]);
  return report;
}

describe("an agent that is attacked", () => {
  test("and calls tools has no fault, and its cancel route was tried", async () => {
    const report = await attacked({ how: "calls" });
    // Each of three people with a token for each of two other apps; another person, nobody, and two such tokens.
    expect(report).toMatchObject({ faults: [], replaysChecked: 6, cancelsChecked: 4 });
  });

  test.each(["calls", "reads"] as const)(
    "and takes the MCP server's own tokens as well has no fault: %s",
    async (how) => {
      const witness = await startWitness({ entra, app: "contacts" });
      const agent = await startAttackedAgent({ entra, witness, how, passesOn: true });
      stops.push(witness.close, agent.close);
      // Twice, so that something is kept for whoever came with such a token.
      for (const seed of [1, 2]) {
        const report = await checkIsolation({ agent: agent.url, entra, witness, seed, turns: 2 });
        expect(report).toMatchObject({ faults: [], replaysChecked: 6 });
      }
      expect(witness.calls.some(({ replayed, receipt }) => replayed === true && receipt !== undefined)).toBe(
        true,
      );
    },
  );

  test("and reads what may be cached has no fault, and its cache was used", async () => {
    const witness = await startWitness({ entra, app: "contacts" });
    const agent = await startAttackedAgent({ entra, witness, how: "reads" });
    stops.push(witness.close, agent.close);
    const report = await checkIsolation({ agent: agent.url, entra, witness, seed: 1, turns: 4 });
    expect(report).toMatchObject({ faults: [], replaysChecked: 6 });
    const readings = witness.calls.filter(
      ({ method, token }) => method === "resources/read" && token === "person",
    );
    expect(readings.length).toBeGreaterThan(0);
    expect(readings.length).toBeLessThan(report.answersChecked);
  });

  test.each(Object.entries(weaknesses) as [Weakness, (typeof weaknesses)[Weakness]][])(
    "is found out when %s",
    async (weakness, { kind, how }) => {
      for (const seed of [1, 2]) {
        const { faults } = await attacked({ how, weakness }, { seed });
        expect([...new Set(faults.map((fault) => fault.kind))]).toEqual([kind]);
        expect(faults[0]?.text).toContain(`seed ${seed}`);
      }
    },
  );

  test("at another route is cancelled there, and where there is none, nothing of it is checked", async () => {
    const none = await attacked({ how: "calls" }, { cancelPath: (id) => `/stop/${id}` });
    expect(none).toMatchObject({ faults: [], cancelsChecked: 0 });
  });

  test("is named with the server that has the token, and with whose it is", async () => {
    const { faults } = await attacked({ how: "calls", weakness: "whoever has the object id cancels a turn" });
    expect(faults).toMatchObject([
      { kind: "cancelled_turn", who: "a server with Ada's token for mail", whose: "Ada" },
    ]);
  });
});
