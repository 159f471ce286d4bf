import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  clientSecret,
  createUserContext,
  entraApp,
  findConsentRequired,
  onBehalfOf,
  protectedResource,
  userAccess,
  userTokenVerifier,
} from "hosted-agent-identity";
import { webHandler } from "hosted-agent-identity/node";
import { createSignIn, memoryStore } from "hosted-agent-identity/sign-in";
import { startEntra } from "hosted-agent-identity/testing";
import { person, titleOf } from "../../../sign-in/support/person.js";
import { expectThat } from "../../expect-that.js";

// Everything that @azure/msal-node and jose do for us: exchange, redemption, refresh, verification.
let handle: (request: Request) => Promise<Response> = async () => new Response(null, { status: 404 });
const server = createServer(webHandler((request) => handle(request)));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const publicUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sign-in`;
const entra = await startEntra({
  apps: [
    { name: "agent", scopes: ["chat"], secrets: ["agent-secret"], redirectUris: [`${publicUrl}/callback`] },
    { name: "mcp", scopes: ["read"] },
    { name: "mail", scopes: ["read"], preAuthorized: [{ client: "agent", scopes: ["read"] }] },
  ],
  users: [{ name: "Ada" }],
  accessTokenLifetimeS: 400,
});
const { tenantId, clientId } = entra.app("agent");
let late = 0;
const now = (): number => Date.now() + late;
const app = entraApp({
  tenantId,
  clientId,
  credential: clientSecret("agent-secret"),
  cloud: entra.cloud,
  now,
});
const resource = (name: string) => {
  const audience = entra.app(name).clientId;
  return protectedResource({
    url: `https://${name}.example.com/mcp`,
    serverLabel: name,
    scopes: [`api://${audience}/read`],
    audiences: [audience],
  });
};
const contacts = resource("mcp");
const signIn = createSignIn({
  app,
  publicUrl,
  resources: [contacts],
  store: memoryStore({ quiet: true }),
  encryptionKeys: [new Uint8Array(randomBytes(32))],
  now,
});
handle = (request) => signIn.handler(request);

// The verifier.
const verify = userTokenVerifier({ app });
const userToken = await entra.issueUserToken({ user: "Ada", app: "agent" });
const nextTurn = () => createUserContext({ userToken }, { verify });
const ada = await nextTurn();
const stranger: unknown = await createUserContext(
  { userToken: await entra.issueUserToken({ user: "Ada", app: "mail" }) },
  { verify },
).catch((cause: unknown) => cause);
expectThat(String(stranger).includes("UserTokenError"), `a token for another app: ${String(stranger)}`);

// The exchange.
const mail = await userAccess(resource("mail"), [onBehalfOf(app)], { now }).token(ada);
expectThat(subjectOf(mail.token) === entra.user("Ada").oid, "the exchange is not Ada's");

// The redemption of a sign-in, and its refresh.
const access = userAccess(contacts, [signIn.tokens()], { now });
const asked = findConsentRequired(await access.token(ada).catch((cause: unknown) => cause));
const page = await person(entra, "Ada").signIn(asked?.requests[0]?.link ?? "");
expectThat(titleOf(page) === "You are signed in", `the sign-in ends with ${titleOf(page)}`);
const first = await access.token(await nextTurn());
expectThat(subjectOf(first.token) === entra.user("Ada").oid, "the sign-in is not Ada's");
const refreshes = entra.requests.filter(({ grantType }) => grantType === "refresh_token").length;
late = 395_000;
expectThat((await access.token(await nextTurn())).token !== first.token, "the grant is not refreshed");
expectThat(
  entra.requests.filter(({ grantType }) => grantType === "refresh_token").length > refreshes,
  "nothing was refreshed",
);
console.log("verifier, exchange, sign-in redeemed and refreshed");
process.exit();

function subjectOf(token: string): unknown {
  const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
  return (JSON.parse(payload) as { readonly oid?: unknown }).oid;
}
