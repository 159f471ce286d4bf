import { expect, it } from "vitest";
import { clientSecret, entraApp } from "hosted-agent-identity";
import { entraAppInternals } from "../../src/exchange/entra-app.js";
import { requestTokens } from "../../src/exchange/token-request.js";

const tenantId = "11111111-1111-4111-8111-111111111111";

it.each([
  { token_type: { toString: 1 } },
  { token_type: ["Bearer"] },
  { token_type: null },
  { expires_in: 1e308 },
  { expires_in: -1 },
  { expires_in: "1e308" },
])("an answer with %j is none that Entra gives", async (odd) => {
  const app = entraApp({
    tenantId,
    clientId: "33333333-3333-4333-8333-333333333333",
    credential: clientSecret("a secret"),
    fetch: async () =>
      Response.json({ token_type: "Bearer", access_token: "opaque", expires_in: 3599, ...odd }),
  });
  const asked = requestTokens(entraAppInternals(app), {
    tenantId,
    account: "nobody",
    signal: new AbortController().signal,
    send: (client) => client.acquireTokenByClientCredential({ scopes: ["api://x/.default"] }),
  });
  await expect(asked).rejects.toMatchObject({ code: "entra_bad_response" });
});

it("a redirect is no answer, and nothing is sent where it leads", async () => {
  const asked: string[] = [];
  const app = entraApp({
    tenantId,
    clientId: "33333333-3333-4333-8333-333333333333",
    credential: clientSecret("a secret"),
    fetch: async (url, init) => {
      asked.push(`${String(url)} ${init?.redirect}`);
      const token = { token_type: "Bearer", access_token: "opaque", expires_in: 3599 };
      return Response.json(token, { status: 307, headers: { location: "https://elsewhere.example.com/" } });
    },
  });
  const token = requestTokens(entraAppInternals(app), {
    tenantId,
    account: "nobody",
    signal: new AbortController().signal,
    send: (client) => client.acquireTokenByClientCredential({ scopes: ["api://x/.default"] }),
  });
  await expect(token).rejects.toMatchObject({
    code: "entra_bad_response",
    message: expect.stringContaining("redirect"),
  });
  expect(asked.filter((one) => !/^https:\/\/login\.microsoftonline\.com\/.* manual$/.test(one))).toEqual([]);
});
