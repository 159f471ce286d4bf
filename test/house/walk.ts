/**
 * One request three times, in a process of its own that holds nothing else: which files of `src` it enters. Prints a
 * list of files for each: with consent missing, with the exchange, with everything cached.
 */
import { Session } from "node:inspector/promises";
import {
  clientSecret,
  entraApp,
  entraConsentLink,
  onBehalfOf,
  protectedResource,
  userAccess,
  userContext,
  userTokenVerifier,
  type CloudEndpoints,
} from "hosted-agent-identity";
import { toSse, withConsent } from "hosted-agent-identity/turn";

/** What the test has set up, in the variable `WALK`. */
export interface WalkSetting {
  readonly cloud: CloudEndpoints;
  readonly tenantId: string;
  readonly clientId: string;
  readonly userToken: string;
  readonly mcpUrl: string;
  readonly scope: string;
  readonly audience: string;
  /** Asked between the first request and the second: the person consents. */
  readonly consentUrl: string;
}

/** The files that each request has entered, and what it was answered. */
export interface Walk {
  readonly consent: Step;
  readonly exchange: Step;
  readonly cached: Step;
}

interface Step {
  readonly files: readonly string[];
  readonly answer: string;
}

const setting = JSON.parse(process.env["WALK"] ?? "{}") as WalkSetting;
const { cloud, tenantId, clientId, userToken, mcpUrl, scope, audience, consentUrl } = setting;
const entra = entraApp({ tenantId, clientId, cloud, credential: clientSecret("agent-secret") });
const server = protectedResource({
  url: mcpUrl,
  serverLabel: "contacts",
  scopes: [scope],
  audiences: [audience],
});
const redirectUri = "https://agent.example/consented";
const contacts = userAccess(server, [
  onBehalfOf(entra, { consentLink: entraConsentLink({ app: entra, redirectUri }) }),
]);
const middleware = userContext({ verify: userTokenVerifier({ app: entra }), require: true });

/** An agent without a framework: who asks, one call of its MCP server, the answer as events. */
function agent(request: Request): Promise<Response> {
  return middleware(request, async () => {
    const events = withConsent(async function* ({ signal }) {
      yield await (await contacts.fetch(contacts.url, { signal })).text();
    });
    return new Response(toSse(events), { headers: { "content-type": "text/event-stream" } });
  });
}

const session = new Session();
session.connect();
await session.post("Profiler.enable");
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: false });

const consent = await step();
await fetch(consentUrl, { method: "POST" });
const exchange = await step();
const walk: Walk = { consent, exchange, cached: await step() };
process.stdout.write(JSON.stringify(walk));
process.exit(0);

/** Sends the request and takes what has run since the last time. */
async function step(): Promise<Step> {
  await session.post("Profiler.takePreciseCoverage");
  const request = new Request("http://agent/responses", {
    method: "POST",
    headers: { "x-client-user-token": userToken },
  });
  const answer = await (await agent(request)).text();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  return {
    answer,
    files: result
      .filter(isEntered)
      .flatMap(({ url: file }) => sourceOf(file))
      .toSorted(),
  };
}

/** Loading a file runs its top level; that is no step of a request. */
function isEntered({ functions }: { functions: readonly Ran[] }): boolean {
  return functions.some(({ functionName, ranges: [range] }) => {
    const isTopLevel = functionName === "" && range?.startOffset === 0;
    return !isTopLevel && (range?.count ?? 0) > 0;
  });
}

interface Ran {
  readonly functionName: string;
  readonly ranges: readonly { readonly startOffset: number; readonly count: number }[];
}

function sourceOf(file: string): readonly string[] {
  const sources = new URL("../../src/", import.meta.url).href;
  return file.startsWith(sources) ? [`src/${file.slice(sources.length).replace(/\.js$/, ".ts")}`] : [];
}
