import { sendAsUser, type SendAsUser, tracedFetch } from "../access/fetch.js";
import { challengeBudget } from "../access/challenge-budget.js";
import { sessionOwners } from "../access/sessions.js";
import type { ToolCallsSent } from "../access/tool-calls.js";
import { standaloneRefusal } from "../access/standalone-requests.js";
import type { AccessExplanation } from "../access/types.js";
import { urlMatch } from "../access/url-match.js";
import type { ConsentLinkPolicy } from "../consent/link-policy.js";
import { tryGetUserContext } from "../context/ambient.js";
import type { FetchLike } from "../runtime/runtime.js";
import type { UserContext } from "../context/user-context.js";
import { clocksOf } from "../async/clocks.js";
import { HostedAgentIdentityError, isHostedAgentIdentityError } from "../errors.js";
import { readOptions } from "../options/option-table.js";
import { checkPerson } from "../sources/developer.js";
import type { AcquireOptions } from "../tokens/acquire.js";
import type { AccessToken } from "../sources/token-source.js";
import { tracedAcquirer } from "../tokens/traced-acquirer.js";
import { insufficientScopeCauses, standaloneStreamCauses } from "../errors/causes/resource.js";
import { agentToken } from "./agent-token.js";
import { toolboxCaller } from "./caller.js";
import { toolboxNetwork } from "./network.js";
import { toolboxOptions, toolboxPlace, type FoundryToolboxOptions, type ToolboxPlace } from "./options.js";

/**
 * A toolbox of Foundry: an access whose grants Foundry holds. Every call acts for the user of the current
 * context.
 *
 * Entry point: `hosted-agent-identity`. Made by `foundryToolbox()`.
 * @group MCP
 */
export interface FoundryToolbox {
  /** The toolbox's MCP endpoint, for transports that take a `URL`. A new object each time. */
  readonly url: URL;
  readonly serverLabel: string;
  /** Where its consent links may lead. Add its `allowedLinks` to a policy for turns, if you have one. */
  readonly policy: ConsentLinkPolicy;
  /** Sends a request to the toolbox for the current user. Give it to a transport. */
  readonly fetch: FetchLike;
  /** The same toolbox bound to one context, for code that loses the async context. */
  as(context: UserContext): FoundryToolbox;
  /** The user that the toolbox would act for, or why it would not. Makes no network call; safe to log. */
  explain(context?: UserContext): AccessExplanation;
  /** Forgets the agent's token and refuses further calls with `closed`. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Calls the tools of a Foundry toolbox for the current user. The agent authenticates with its own token; Foundry finds
 * the user by the call id of the current request, which goes with every request and is not kept. Foundry holds the
 * user's grants and asks for their consent: such an answer
 * becomes a `ConsentRequiredError` and is recorded in the context, so that `responses()`, `withConsent()` and
 * `runTurn()` ask for it. Outside the hosted environment there is no call id. There the developer is the user, if the
 * developer has said so with the environment variable `HOSTED_AGENT_IDENTITY_DEVELOPER=1` and nothing says that the
 * process runs on a host (`NODE_ENV=production`, App Service, Kubernetes and others).
 *
 * A request is repeated on 429 and 503, and if it has no effect also on 500, 502 and 504. One client may serve
 * all users as long as the toolbox opens no MCP session; otherwise use {@link mcpClientPool}.
 *
 * Needs the optional package `@azure/identity` unless a credential is given. Throws `invalid_option`. Its
 * `fetch` throws `no_user_context`, `context_ended`, `call_id_missing`, `consent_required`,
 * `consent_link_refused`, `toolbox_source_failed`, `client_credential_failed`, `entra_timeout`,
 * `missing_dependency`, `dependency_failed`, `developer_source_refused`, `wrong_user`, `url_not_allowed`,
 * `redirect_refused`, `shared_session`, `resource_unauthorized`, `insufficient_scope` and `closed`.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, foundry/agents/how-to/tools/use-toolbox-hosted-agent and
 * concepts/hosted-agent-contract; agent-framework, the toolbox clients for Python and .NET.
 *
 * @example
 * ```ts
 * import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
 * import { foundryToolbox } from "hosted-agent-identity";
 *
 * const toolbox = foundryToolbox({ name: "support" });
 *
 * export async function tools() {
 *   const client = new Client({ name: "agent", version: "1.0.0" });
 *   await client.connect(new StreamableHTTPClientTransport(toolbox.url, { fetch: toolbox.fetch }));
 *   return client.listTools();
 * }
 * ```
 * @group MCP
 */
export function foundryToolbox(options: FoundryToolboxOptions): FoundryToolbox {
  const settings = readOptions("foundryToolbox", toolboxOptions, options);
  const { onEvent, now, random, fetch, maxRetries } = settings;
  const clocks = clocksOf(now);
  const place = toolboxPlace(settings);
  const { url, serverLabel, scope, policy, hosted } = place;
  const token = agentToken({
    credential: settings.credential,
    hosted,
    scope,
    serverLabel,
    timeoutMs: settings.timeoutMs,
    clocks,
    onEvent,
  });
  const resource = { url, serverLabel, scopes: [scope], audiences: [] };
  const matches = urlMatch(url);
  const sessions = settings.sharedSessions === "allow" ? undefined : sessionOwners();
  const refusals = challengeBudget(clocks.age);
  let closed = false;

  /** The agent's token, if it may be used in this context. */
  const usable = (context: UserContext, held: AccessToken): AccessToken => {
    // Without a call id the token itself says who the user is.
    if (toolboxCaller(context, place).kind === "developer") checkPerson(held.token, context.user);
    return held;
  };
  const check = (context: UserContext): void => {
    if (closed) throw new HostedAgentIdentityError("closed", "This toolbox has been closed.");
    toolboxCaller(context, place);
  };
  const acquiring = {
    cachedToken(context: UserContext): AccessToken | undefined {
      check(context);
      const held = token.cachedToken();
      return held === undefined ? undefined : usable(context, held);
    },
    async acquire(context: UserContext, asked: AcquireOptions = {}): Promise<AccessToken> {
      check(context);
      if (asked.scopes !== undefined) throw moreScopes(serverLabel, asked.scopes);
      return usable(context, await token.get(asked));
    },
    forget: (_context: UserContext, refused?: string): void => token.drop(refused ?? ""),
    // A call id ends with its request: after the turn nothing may be sent for its user, not even a DELETE.
    cachedTokenOf: () => undefined,
    heldFor: () => undefined,
  };
  const acquirer = tracedAcquirer(acquiring, { serverLabel, onEvent, sources: [] });

  const sendFor = (bound: UserContext | undefined): SendAsUser => {
    const below = {
      serverLabel,
      place,
      policy,
      onEvent,
      maxRetries,
      maxWaitMs: settings.maxRetryWaitMs,
      silenceMs: settings.silenceMs,
      now,
      random,
      fetch,
      context: bound,
    };
    const network = (calls?: ToolCallsSent): FetchLike => toolboxNetwork(below, calls);
    return sendAsUser({
      resource,
      acquirer,
      matches,
      sessions,
      refusals,
      refuseStandaloneStream: standaloneRefusal({
        mode: settings.standaloneStream,
        serverLabel,
        onEvent,
        cause: standaloneStreamCauses.toolbox,
      }),
      fetch: network(),
      fetchTelling: network,
      context: bound,
    });
  };

  const boundTo = (bound: UserContext | undefined): FoundryToolbox => {
    const close = async (): Promise<void> => {
      closed = true;
      token.close();
    };
    return Object.freeze<FoundryToolbox>({
      get url() {
        return new URL(url);
      },
      serverLabel,
      policy,
      fetch: tracedFetch(sendFor(bound), { resource, onEvent, context: bound }),
      as: boundTo,
      explain: (context) => explanation(place, context ?? bound ?? tryGetUserContext()),
      close,
      [Symbol.asyncDispose]: close,
    });
  };
  return boundTo(undefined);
}

function moreScopes(serverLabel: string, scopes: readonly string[]): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "insufficient_scope",
    `The toolbox ${JSON.stringify(serverLabel)} asks for more scopes: ${JSON.stringify(scopes).slice(0, 500)}.`,
    insufficientScopeCauses.toolbox,
  );
}

function explanation(place: ToolboxPlace, context: UserContext | undefined): AccessExplanation {
  const { url, serverLabel, scope } = place;
  const { applies, detail } = forWhom(context, place);
  return {
    serverLabel,
    url,
    scopes: [scope],
    audiences: [],
    principal: context?.principalKey,
    sources: [{ source: "foundry_toolbox", applies, detail, provesUser: false }],
  };
}

function forWhom(
  context: UserContext | undefined,
  place: ToolboxPlace,
): { readonly applies: boolean; readonly detail: string } {
  if (context === undefined) return { applies: false, detail: "there is no user context." };
  try {
    const { kind } = toolboxCaller(context, place);
    return kind === "call"
      ? { applies: true, detail: "applies: Foundry knows the user by the call id of this request." }
      : {
          applies: true,
          detail:
            "applies, outside the hosted environment: the developer's own identity answers, with the developer's own grants.",
        };
  } catch (error) {
    if (isHostedAgentIdentityError(error))
      return { applies: false, detail: `${error.message} ${error.help}` };
    return { applies: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
