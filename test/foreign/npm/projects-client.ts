/** The client of a Foundry project, at our agent: a consent request, then, with consent, the answer. */
import { ok, strictEqual } from "node:assert/strict";
import { AIProjectClient } from "@azure/ai-projects";
import { check, isConsentLink, settings, versions } from "./reporting.ts";

versions("@azure/ai-projects");
const project = new AIProjectClient(settings.projectEndpoint, {
  getToken: async () => ({ token: "of-the-caller", expiresOnTimestamp: Date.now() + 3_600_000 }),
});
const client = project.getOpenAIClient({
  azureConfig: { agentName: "agent", allowPreview: true },
  defaultHeaders: settings.headers,
  maxRetries: 0,
  timeout: 20_000,
});

interface ConsentItem {
  readonly type: string;
  readonly consent_link?: unknown;
  readonly server_label?: unknown;
}

await check("reads the answer", async () => {
  const response = await client.responses.create({ model: "agent", input: "whoami" });
  strictEqual(response.output_text, `Hello ${settings.oid}`);
});

let interrupted = "";
await check("finds the consent item in a response", async () => {
  const response = await client.responses.create({ model: "agent", input: "calendar" });
  interrupted = response.id;
  expectConsent(response.output);
  strictEqual(response.output_text, "Let me look. ");
});

await check("finds the consent item in a stream", async () => {
  const items: ConsentItem[] = [];
  const events = await client.responses.create({ model: "agent", input: "calendar", stream: true });
  for await (const event of events) if (event.type === "response.output_item.done") items.push(event.item);
  expectConsent(items);
});

await check("reads the answer after the consent, as the next response", async () => {
  strictEqual((await fetch(`${settings.url}/consent`, { method: "POST" })).status, 204);
  const stream = client.responses.stream({
    model: "agent",
    input: "calendar",
    previous_response_id: interrupted,
  });
  const response = await stream.finalResponse();
  strictEqual(response.status, "completed");
  strictEqual(response.output_text, `Let me look. ${settings.oid}`);
  strictEqual(response.previous_response_id, interrupted);
});

function expectConsent(items: readonly ConsentItem[]): void {
  const consents = items.filter(({ type }) => type === "oauth_consent_request");
  strictEqual(consents.length, 1);
  ok(isConsentLink(consents[0]?.consent_link), "the consent item has no link");
  strictEqual(consents[0]?.server_label, "calendar");
}
