import { OnBehalfOfCredential, type OnBehalfOfCredentialOptions } from "@azure/identity";
import type { Network } from "../network.js";
import { agentApp, scope, tenant, type Person } from "../people.js";

export type IdentityCredential = { clientSecret: string } | { certificatePath: string };

/** One credential object for one user: it is bound to that user's assertion. */
export function identityCredential(
  network: Network,
  { assertion }: Person,
  credential: IdentityCredential = { clientSecret: "bench-secret" },
): OnBehalfOfCredential {
  return new OnBehalfOfCredential({
    tenantId: tenant,
    clientId: agentApp,
    userAssertionToken: assertion,
    disableInstanceDiscovery: true,
    // Its pipeline would sit out a Retry-After three times before it answers.
    retryOptions: { maxRetries: 0 },
    httpClient: { sendRequest: (request) => send(network, request) },
    ...credential,
  } as OnBehalfOfCredentialOptions);
}

export function identityToken(credential: OnBehalfOfCredential): Promise<unknown> {
  return credential.getToken(scope);
}

type HttpClient = NonNullable<OnBehalfOfCredentialOptions["httpClient"]>;
type SendRequest = HttpClient["sendRequest"];

async function send(network: Network, request: Parameters<SendRequest>[0]): ReturnType<SendRequest> {
  const response = await network.fetch(request.url, {
    method: request.method,
    headers: request.headers.toJSON(),
    body: request.body as string,
  });
  const headers = request.headers.constructor as new () => typeof request.headers;
  const received = new headers();
  for (const [name, value] of response.headers) received.set(name, value);
  return { request, status: response.status, headers: received, bodyAsText: await response.text() };
}
