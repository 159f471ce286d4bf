import { createServer, type RequestListener } from "node:http";

import {
  clientSecret,
  createUserContext,
  entraConsentLink,
  entraApp,
  isConsentRequiredError,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { startEntra } from "hosted-agent-identity/testing";
import { expect, test } from "vitest";
import { contactsApp } from "../../examples/mcp-server/app.js";
import { listening } from "../support/listening.js";
import { openClient } from "../support/mcp-clients.js";

test("both ends with one package: each person has contacts of their own, and adding needs a scope of its own", async () => {
  const entra = await startEntra({
    users: [{ name: "Ada" }, { name: "Bo" }],
    apps: [
      { name: "agent", scopes: ["access_as_user"], secrets: ["s"], redirectUris: ["http://localhost:3000/"] },
      {
        name: "contacts",
        scopes: ["access_as_user", "Contacts.Write"],
        preAuthorized: [{ client: "agent", scopes: ["access_as_user"] }],
      },
    ],
  });
  let listener: RequestListener | undefined;
  const server = createServer((request, response) => listener?.(request, response));
  const host = await listening(server);
  const url = `${host.url}/mcp`;
  const { tenantId, clientId } = entra.app("contacts");
  listener = contactsApp({ url, app: { tenantId, clientId, cloud: entra.cloud } });

  const { clientId: agentId } = entra.app("agent");
  const agent = entraApp({ tenantId, clientId: agentId, credential: clientSecret("s"), cloud: entra.cloud });
  const consentLink = entraConsentLink({ app: agent, redirectUri: "http://localhost:3000/" });
  const contacts = userAccess(
    protectedResource({
      url,
      serverLabel: "contacts",
      scopes: [`api://${clientId}/access_as_user`],
      audiences: [clientId],
    }),
    [onBehalfOf(agent, { consentLink })],
  );
  const verify = userTokenVerifier({ app: agent });
  const as = async (user: string, tool: string, args: object = {}): Promise<unknown> => {
    const context = await createUserContext(
      { userToken: await entra.issueUserToken({ user, app: "agent" }) },
      { verify },
    );
    return runWithUserContext(context, async () => {
      const client = await openClient("v2-modern", url, { fetch: contacts.fetch });
      const result = (await client.callTool({ name: tool, arguments: args as Record<string, unknown> })) as {
        content: { text: string }[];
      };
      return JSON.parse(result.content[0]?.text ?? "null") as unknown;
    });
  };

  try {
    expect(await as("Ada", "list_contacts")).toEqual([]);
    const missing = await as("Ada", "add_contact", { name: "Grace" }).catch((error: unknown) => error);
    expect(isConsentRequiredError(missing)).toBe(true);
    entra.grantConsent({ allUsers: true, client: "agent", resource: "contacts", scopes: ["Contacts.Write"] });
    expect(await as("Ada", "add_contact", { name: "Grace" })).toEqual(["Grace"]);
    expect(await as("Ada", "list_contacts")).toEqual(["Grace"]);
    expect(await as("Bo", "list_contacts")).toEqual([]);
    expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(401);
  } finally {
    await contacts.close();
    await host.close();
    await entra.close();
  }
});
