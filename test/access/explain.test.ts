import { expect, it } from "vitest";
import { foundryToolbox, passthrough, protectedResource, userAccess } from "hosted-agent-identity";

it("explain() shows the scopes and audiences that a token for the resource has to have", () => {
  const clientId = "7c5dbd5b-2d4b-4b1e-9d52-4a7d3ea3f6a1";
  const audiences = [clientId, `api://${clientId}`];
  const scopes = [`api://${clientId}/access_as_user`];
  const url = "https://contacts.example.com/mcp";
  const resource = protectedResource({ url, serverLabel: "contacts", scopes, audiences });
  expect(userAccess(resource, [passthrough()]).explain()).toMatchObject({ url, scopes, audiences });
});

it("explain() of a toolbox names no audience, because Foundry gets the tokens of its tools", () => {
  const projectEndpoint = "https://contoso.services.ai.azure.com/api/projects/support";
  const toolbox = foundryToolbox({ name: "support", projectEndpoint, environment: { hosted: true } });
  expect(toolbox.explain().audiences).toEqual([]);
});
