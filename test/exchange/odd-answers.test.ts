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
