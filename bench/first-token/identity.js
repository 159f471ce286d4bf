import { network, said, start, taken } from "./setting.js";

const began = start();
const { OnBehalfOfCredential } = await import("@azure/identity");
const { tenant, clientId, scope, assertion } = said;
const credential = new OnBehalfOfCredential({
  tenantId: tenant,
  clientId,
  clientSecret: "bench-secret",
  userAssertionToken: assertion,
  disableInstanceDiscovery: true,
  httpClient: {
    async sendRequest(request) {
      const { url, method, body } = request;
      const response = await network(url, { method, headers: request.headers.toJSON(), body });
      const headers = new request.headers.constructor();
      for (const [name, value] of response.headers) headers.set(name, value);
      return { request, status: response.status, headers, bodyAsText: await response.text() };
    },
  },
});
const { token } = await credential.getToken(scope);
taken(began, token.length > 0);
