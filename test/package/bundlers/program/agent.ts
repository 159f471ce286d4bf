/**
 * What is bundled: an agent, and the MCP server it calls as the person who asks. Web-standard handlers, which Next
 * takes as route handlers and main.ts serves from Node. Nothing is made before the first request, because
 * `next build` loads the routes without the environment they run in.
 */
import {
  clientSecret,
  createUserContext,
  developer,
  entraApp,
  entraConsentLink,
  isHostedAgentIdentityError,
  onBehalfOf,
  protectedResource,
  responses,
  userAccess,
  userContext,
  userTokenVerifier,
} from "hosted-agent-identity";
import { callerOf, protectMcpServer } from "hosted-agent-identity/server";

const env = (name: string): string => process.env[name] ?? "";

/** The agent. */
export async function respond(request: Request): Promise<Response> {
  const { asUser, agent } = parts();
  return asUser(request, (behind) => agent(behind));
}

/** The MCP server, with a single tool that says who calls it. */
export async function mcp(request: Request): Promise<Response> {
  return parts().gate.fetch(request, ({ authInfo, parsedBody }) => {
    const { id } = parsedBody as { readonly id: unknown };
    const content = [{ type: "text", text: callerOf(authInfo).oid }];
    return Response.json({ jsonrpc: "2.0", id, result: { content } });
  });
}

/** What `developer()` makes of `@azure/identity`: the code of its error, and the name of what caused it. */
export async function developerToken(): Promise<Response> {
  const context = await createUserContext(new Headers(), { verify: "none" });
  try {
    // Whatever machine this runs on.
    const environment = { HOSTED_AGENT_IDENTITY_DEVELOPER: "1" };
    await userAccess(parts().contacts, [developer(undefined, { environment })]).token(context);
    return Response.json({ code: "token" });
  } catch (error) {
    const code = isHostedAgentIdentityError(error) ? error.code : "not_ours";
    return Response.json({ code, error: String(error) });
  }
}

let made: ReturnType<typeof make> | undefined;

function parts(): ReturnType<typeof make> {
  return (made ??= make());
}

function make() {
  const url = `${env("ORIGIN")}/mcp`;
  const tenantId = env("AZURE_TENANT_ID");
  const clientId = env("MCP_CLIENT_ID");
  const app = entraApp({
    tenantId,
    clientId: env("APP_CLIENT_ID"),
    credential: clientSecret(env("APP_CLIENT_SECRET")),
  });
  const contacts = protectedResource({
    url,
    serverLabel: "contacts",
    scopes: [`api://${clientId}/access_as_user`],
    audiences: [clientId],
  });
  const consentLink = entraConsentLink({ app, redirectUri: `${env("ORIGIN")}/consented` });
  const access = userAccess(contacts, [onBehalfOf(app, { consentLink })]);
  const gate = protectMcpServer({ url, app: { tenantId, clientId }, scopes: ["access_as_user"] });
  const asUser = userContext({ verify: userTokenVerifier({ app }), require: true });
  const agent = responses(async function* () {
    const answer = await access.fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "whoami" } }),
    });
    yield await answer.text();
  });
  return { contacts, gate, asUser, agent };
}
