import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { clientSecret, type CloudName, entraApp } from "hosted-agent-identity";
import { internalsOf } from "../../src/context/user-context.js";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { exchangeOnBehalfOf } from "../../src/exchange/token-request.js";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { goodBody } from "../support/token-endpoint.js";

// Microsoft's own hosts cannot be had in a test; any request that is not the expected one is an error.
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

it.each<[CloudName, string]>([
  ["global", "https://login.microsoftonline.com"],
  ["us_gov", "https://login.microsoftonline.us"],
  ["china", "https://login.partner.microsoftonline.cn"],
])(
  "an exchange in the %s cloud is one request to its token endpoint, with no discovery before it",
  async (cloud, host) => {
    const seen: string[] = [];
    server.use(
      http.post(`${host}/${tenant}/oauth2/v2.0/token`, async ({ request }) => {
        seen.push(request.url.split("?")[0] ?? "");
        return HttpResponse.json(goodBody(new URLSearchParams(await request.text())));
      }),
    );
    const context = contextFor();
    const app = entraApp({
      tenantId: tenant,
      clientId: agentApp,
      credential: clientSecret("no-real-secret"),
      cloud,
    });
    const { token } = await exchangeOnBehalfOf(entraAppInternals(app), {
      resource: "https://contacts.example.com/mcp",
      assertion: internalsOf(context).assertion?.token ?? "",
      account: context.user ?? { tid: "", oid: "" },
      scopes: [`api://${mcpApp}/access_as_user`],
      claims: undefined,
      signal: new AbortController().signal,
    });
    expect(token).toMatch(/^ey/);
    expect(seen).toEqual([`${host}/${tenant}/oauth2/v2.0/token`]);
  },
);
