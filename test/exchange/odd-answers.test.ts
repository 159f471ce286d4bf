import { expect, it } from "vitest";
import { clientSecret } from "../../src/exchange/client-secret.js";
import { entraApp, entraAppInternals } from "../../src/exchange/entra-app.js";
import { requestTokens } from "../../src/exchange/token-request.js";

const tenantId = "11111111-1111-4111-8111-111111111111";

it.each([{ toString: 1 }, ["Bearer"], null, 5])(
  "a token whose type is %j is no bearer token",
  async (token_type) => {
    const app = entraApp({
      tenantId,
      clientId: "33333333-3333-4333-8333-333333333333",
      credential: clientSecret("a secret"),
      fetch: async () => Response.json({ token_type, access_token: "opaque", expires_in: 3599 }),
    });
    const asked = requestTokens(entraAppInternals(app), {
      tenantId,
      account: "nobody",
      signal: new AbortController().signal,
      send: (client) => client.acquireTokenByClientCredential({ scopes: ["api://x/.default"] }),
    });
    await expect(asked).rejects.toMatchObject({ code: "entra_bad_response" });
  },
);
