import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  checkIsolation,
  type IsolationReport,
  startEntra,
  startWitness,
} from "hosted-agent-identity/testing";
import { startAgent } from "../../../examples/chat/agent.js";
import { sharingTheFirstToken } from "../../../examples/chat/breaks.js";

const stops: (() => Promise<void>)[] = [];

// The demo says on the console which turns failed; under trouble some do.
beforeEach(() => void vi.spyOn(console, "error").mockReturnValue());

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** The agent of the demo, as it is, with the witness in place of its contacts server. */
async function demoChecked(
  mcpFetch: () => typeof fetch,
  how: "who am I" | "delete",
): Promise<IsolationReport> {
  const entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] },
      {
        name: "contacts",
        scopes: ["Contacts.Access"],
        preAuthorized: [{ client: "agent", scopes: ["Contacts.Access"] }],
      },
    ],
    users: ["Ada", "Bob", "Cy", "Dee", "Eve"].map((name) => ({ name })),
  });
  // The demo's answers say what was deleted, and what is left.
  const witness = await startWitness({
    entra,
    app: "contacts",
    tools: ["whoami", "delete_contact"],
    result: (facts) => ({ ...facts, deleted: facts.receipt, left: [] }),
  });
  const { clientId, tenantId } = entra.app("agent");
  const agent = await startAgent({
    port: 0,
    tenantId,
    clientId,
    clientSecret: "agent-secret",
    cloud: entra.cloud,
    contacts: { url: witness.url, clientId: entra.app("contacts").clientId, scope: "Contacts.Access" },
    consentRedirectUri: "http://localhost:1/consent",
    mcpFetch,
  });
  stops.push(entra.close, witness.close, agent.close);
  return checkIsolation({
    agent: agent.url,
    entra,
    witness,
    seed: 1,
    turns: 4,
    ...(how === "delete" ? { prompt: (nonce: string) => `Delete ${nonce}` } : {}),
  });
}

test("the agent of the demo keeps people apart, asked with the default prompt", async () => {
  const report = await demoChecked(() => fetch, "who am I");
  // Its tool takes no arguments, so that its answers alone are compared.
  expect(report).toMatchObject({ faults: [], tokensChecked: 0 });
  expect(report.answersChecked).toBeGreaterThan(10);
}, 60_000);

test("and is found out when it sends the first token for everybody", async () => {
  const { faults } = await demoChecked(() => sharingTheFirstToken(), "who am I");
  expect(faults.map(({ kind }) => kind)).toContain("wrong_answer");
}, 60_000);

test("with a tool that takes the question, its tokens are compared as well", async () => {
  const report = await demoChecked(() => fetch, "delete");
  expect(report.faults).toEqual([]);
  expect(report.tokensChecked).toBeGreaterThan(10);
}, 60_000);
