import { network, said, start, taken } from "./setting.js";

const began = start();
const { ConfidentialClientApplication } = await import("@azure/msal-node");
const { authority, tenant, clientId, scope, assertion } = said;
const send = async (method, url, options) => {
  const response = await network(url, { method, headers: options?.headers, body: options?.body });
  const headers = Object.fromEntries(response.headers);
  return { status: response.status, headers, body: await response.json() };
};
const client = new ConfidentialClientApplication({
  auth: { clientId, authority: `${authority}/${tenant}`, clientSecret: "bench-secret" },
  system: {
    networkClient: {
      sendGetRequestAsync: (url, options) => send("GET", url, options),
      sendPostRequestAsync: (url, options) => send("POST", url, options),
    },
  },
});
const result = await client.acquireTokenOnBehalfOf({ oboAssertion: assertion, scopes: [scope] });
taken(began, result.accessToken.length > 0);
