import { createHash } from "node:crypto";
import {
  ConfidentialClientApplication,
  type AuthenticationResult,
  type ICachePlugin,
  type NetworkRequestOptions,
  type NodeAuthOptions,
} from "@azure/msal-node";
import { authority, type Network } from "../network.js";
import { agentApp, jwt, scope, tenant, type Person } from "../people.js";

export type MsalCredential = Pick<NodeAuthOptions, "clientSecret" | "clientCertificate">;

/** One shared client for all users, as its documentation shows for a web API. */
export function msalClient(
  network: Network,
  credential: MsalCredential = { clientSecret: "bench-secret" },
  cachePlugin?: ICachePlugin,
): ConfidentialClientApplication {
  const send = async (method: string, url: string, options: NetworkRequestOptions | undefined) => {
    const response = await network.fetch(url, { method, headers: options?.headers, body: options?.body });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: JSON.parse(await response.text()),
    };
  };
  return new ConfidentialClientApplication({
    auth: { clientId: agentApp, authority: `${authority}/${tenant}`, ...credential },
    ...(cachePlugin === undefined ? {} : { cache: { cachePlugin } }),
    system: {
      networkClient: {
        sendGetRequestAsync: (url, options) => send("GET", url, options),
        sendPostRequestAsync: (url, options) => send("POST", url, options),
      },
    },
  });
}

export function msalToken(
  client: ConfidentialClientApplication,
  { assertion }: Person,
): Promise<AuthenticationResult | null> {
  return client.acquireTokenOnBehalfOf({ oboAssertion: assertion, scopes: [scope] });
}

type Cache = Record<string, Record<string, Record<string, unknown>>>;

/**
 * Fills its cache as if each user had called once. Through the API that takes quadratic time (10 000 users
 * do not finish in nine minutes), so one real exchange is copied in the cache's own serialised form.
 */
export async function fillMsal(
  client: ConfidentialClientApplication,
  users: readonly Person[],
): Promise<void> {
  const [first] = users;
  if (first === undefined) return;
  await msalToken(client, first);
  const cache = client.getTokenCache();
  const template = JSON.parse(cache.serialize()) as Cache;
  const filled: Cache = { AppMetadata: template["AppMetadata"] ?? {} };
  for (const section of ["Account", "IdToken", "AccessToken", "RefreshToken"]) {
    const [entry] = Object.entries(template[section] ?? {});
    if (entry === undefined) throw new Error(`msal-node's cache has no ${section}`);
    const copy = copier(entry, first);
    filled[section] = Object.fromEntries(users.map(copy));
  }
  cache.deserialize(JSON.stringify(filled));
}

function copier(
  [key, value]: readonly [string, Record<string, unknown>],
  first: Person,
): (user: Person) => [string, Record<string, unknown>] {
  const text = JSON.stringify(value);
  const firstHash = hashOf(first);
  return (user) => {
    const own = JSON.parse(
      text.replaceAll(first.oid, user.oid).replaceAll(firstHash, hashOf(user)),
    ) as Record<string, unknown>;
    if (own["credential_type"] === "AccessToken") own["secret"] = jwt({ oid: user.oid, tid: tenant });
    return [key.replaceAll(first.oid, user.oid), own];
  };
}

function hashOf({ assertion }: Person): string {
  return createHash("sha256").update(assertion).digest("base64url");
}
