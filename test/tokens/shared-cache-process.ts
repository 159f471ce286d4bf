/** A replica of the agent in a process of its own: gets tokens for the people whose user tokens it is sent. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  clientSecret,
  type CloudEndpoints,
  createUserContext,
  entraApp,
  onBehalfOf,
  type ProtectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { decodeClaims } from "../../src/entra/token-claims.js";
import { keyvOnRedis } from "../support/shared-token-stores.js";

/** What the process is told first. */
export interface ReplicaStart {
  readonly tenantId: string;
  readonly clientId: string;
  readonly cloud: Partial<CloudEndpoints> & { readonly loginEndpoint: string };
  readonly redisUrl: string;
  readonly key: string;
  readonly resource: ProtectedResource;
}

/** What it answers for each user token: whose token it got, and which. */
export interface ReplicaToken {
  readonly oid: string;
  readonly digest: string;
}

const [start] = (await once(process, "message")) as [ReplicaStart];
const { tenantId, clientId, cloud, resource } = start;
const app = entraApp({ tenantId, clientId, credential: clientSecret("agent-secret"), cloud });
const verify = userTokenVerifier({ app, requiredScopes: ["access_as_user"] });
const access = userAccess(resource, [onBehalfOf(app)], {
  // A busy machine that starts processes is slower than any Redis.
  sharedCache: { store: keyvOnRedis(start.redisUrl).store, encryptionKeys: [start.key], timeoutMs: 5_000 },
});

async function tokenOf(userToken: string): Promise<ReplicaToken> {
  const { token } = await access.token(await createUserContext({ userToken }, { verify, require: true }));
  return {
    oid: String(decodeClaims(token)?.oid),
    digest: createHash("sha256").update(token).digest("base64url"),
  };
}

process.on("message", (userTokens: readonly string[]) => {
  Promise.all(userTokens.map(tokenOf)).then(
    (answers) => process.send?.(answers),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.("ready");
