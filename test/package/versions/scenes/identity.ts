import { ManagedIdentityCredential } from "@azure/identity";
import {
  createUserContext,
  developer,
  entraApp,
  federatedCredential,
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { startEntra, startWitness } from "hosted-agent-identity/testing";
import { expectThat } from "../../expect-that.js";

const entra = await startEntra({
  apps: [
    {
      name: "agent",
      scopes: ["chat"],
      secrets: ["agent-secret"],
      federatedCredentials: [{ managedIdentity: "pod" }],
    },
    { name: "mcp", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
  ],
  users: [{ name: "Ada" }],
  managedIdentities: [{ name: "pod" }],
});
const { tenantId, clientId } = entra.app("agent");

// A managed identity as the credential of our app.
Object.assign(process.env, entra.managedIdentity.env);
const [pod] = entra.managedIdentity.identities;
const credential = federatedCredential(new ManagedIdentityCredential({ clientId: pod?.clientId ?? "" }));
const app = entraApp({ tenantId, clientId, credential, cloud: entra.cloud });
const witness = await startWitness({ entra, app: "mcp" });
const contacts = userAccess(protectedResource(witness.resource), [onBehalfOf(app)]);
const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
const ada = await createUserContext({ userToken }, { verify: userTokenVerifier({ app }) });
const { token } = await contacts.token(ada);
expectThat(token.length > 0, "the exchange has no token");

// What loads the package by itself: with no Azure CLI to ask, its own error comes out.
const nobody = await createUserContext(new Headers(), { verify: "none" });
const environment = { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" };
process.env["PATH"] = "/nonexistent";
const asDeveloper = userAccess(protectedResource(witness.resource), [developer(undefined, { environment })]);
const refused: unknown = await runWithUserContext(nobody, () => asDeveloper.token()).catch(
  (cause: unknown) => cause,
);
expectThat(String(refused).includes("CredentialUnavailableError"), `developer(): ${String(refused)}`);

console.log("ManagedIdentityCredential as the credential of the app; developer() asks the Azure CLI");
process.exit();
