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
  const options = {
    tenantId: tenant,
    clientId: agentApp,
    userAssertionToken: assertion,
    disableInstanceDiscovery: true,
    // Its pipeline would sit out a Retry-After three times before it answers.
    retryOptions: { maxRetries: 0 },
    httpClient: { sendRequest: (request: PipelineRequest) => send(network, request) },
  } satisfies Partial<OnBehalfOfCredentialOptions>;
  return "clientSecret" in credential
    ? new OnBehalfOfCredential({ ...options, ...credential })
    : new OnBehalfOfCredential({ ...options, ...credential });
}

export function identityToken(credential: OnBehalfOfCredential): Promise<unknown> {
  return credential.getToken(scope);
}

type HttpClient = NonNullable<OnBehalfOfCredentialOptions["httpClient"]>;
type PipelineRequest = Parameters<HttpClient["sendRequest"]>[0];

async function send(network: Network, request: PipelineRequest): ReturnType<HttpClient["sendRequest"]> {
  const response = await network.fetch(request.url, {
    method: request.method,
    headers: request.headers.toJSON(),
    body: request.body as string,
  });
  // Their own class of headers, which the package that makes them does not give away here.
  const { constructor: OwnHeaders } = request.headers as { constructor: unknown };
  const received = new (OwnHeaders as new () => PipelineRequest["headers"])();
  for (const [name, value] of response.headers) received.set(name, value);
  return { request, status: response.status, headers: received, bodyAsText: await response.text() };
}
