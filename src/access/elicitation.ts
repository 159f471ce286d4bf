import { expiringMap } from "../async/bounded-map.js";
import type { MadeConsentLink } from "../consent/consent-link.js";
import { consentLinkRefused, refusedLink } from "../consent/link-policy.js";
import { recordConsent } from "../context/internals.js";
import { internalsOf, type UserContext } from "../context/user-context.js";
import {
  ConsentRequest,
  ConsentRequiredError,
  HostedAgentIdentityError,
  isHostedAgentIdentityError,
} from "../errors.js";
import { elicitationNotAllowedCauses, elicitationRepeatedCauses } from "../errors/causes/resource.js";
import { emit, type OnEvent } from "../events/events.js";
import { digest } from "../sealing/digest.js";
import type { ProtectedResource } from "../sources/protected-resource.js";
import type { ElicitationPage } from "../sources/token-source.js";
import { mayNeedInput, sentRpc, type SentRpc, withUrlElicitation } from "./elicitation-capability.js";
import { elicitedBy, mayElicit, type Elicited, type ElicitedPage } from "./elicitation-messages.js";
import { inspected, type MessageFault, type ReadBlocks } from "./inspected-answer.js";
import type { OutgoingInit } from "./outgoing-request.js";
import { ownerOf } from "./sessions.js";
import { urlMatch } from "./url-match.js";

/** What elicitations of one access need. */
export interface ElicitationOptions {
  readonly resource: ProtectedResource;
  readonly onEvent: OnEvent | undefined;
  readonly age: () => number;
  /** Makes the link to a page that shows the URL to the user whom it is for. Without one the URL itself is shown. */
  readonly pageFor: ((page: ElicitationPage) => Promise<MadeConsentLink>) | undefined;
}

/** A request that was answered. */
export interface AnsweredRequest {
  readonly context: UserContext;
  readonly init: OutgoingInit;
  readonly response: Response;
  /** Called when the server has asked the user to open a page. */
  readonly asked: () => void;
  /** Sends a message of the client with the same user's token. */
  readonly send: (body: string) => Promise<Response>;
  /** How an event stream is read. */
  readonly blocksOf: ReadBlocks;
}

/** The requests of an MCP server that users open a URL. */
export interface Elicitations {
  /** The request as it goes out. */
  declared(init: OutgoingInit): OutgoingInit;
  /** The answer without such requests. Throws `consent_required` for one that is allowed, and a coded error for others. */
  taken(answered: AnsweredRequest): Promise<Response>;
}

/** How many pages one turn shows. */
const maxPages = 4;
/** How long a page counts as shown to its user: as long as people take, and then some. */
const againMs = 15 * 60_000;
const maxShown = 10_000;

/** Takes the requests of one resource's server for URLs out of its answers, and makes consent requests of them. */
export function elicitations(options: ElicitationOptions): Elicitations {
  const { resource, age } = options;
  const allowed = (resource.elicitation?.allowedLinks ?? []).map(urlMatch);
  const shown = expiringMap<true>(againMs, maxShown, age);

  /** The request for a page, one for each page of a turn. */
  const requestFor = (context: UserContext, page: ElicitedPage): Promise<ConsentRequest> => {
    const internals = internalsOf(context);
    const known = (internals.elicited ??= new Map());
    const key = digest(resource.url, page.url);
    const before = known.get(key);
    if (before !== undefined) return before;
    if (known.size >= maxPages) throw tooMany(resource);
    const ownKey = digest(ownerOf(context), page.url);
    // A turn that resumes has its user back from the page. Whoever asks for it again has not noticed.
    if (internals.resumes === true && shown.get(ownKey) === true) throw repeated(resource);
    const made = consentRequest(options, context, page);
    known.set(key, made);
    shown.set(ownKey, true);
    // One that cannot be made takes no room.
    made.catch(() => known.delete(key));
    return made;
  };

  const outcome = async (context: UserContext, elicited: Elicited): Promise<HostedAgentIdentityError> => {
    if (elicited.kind === "undeclared") return undeclared(resource);
    if (internalsOf(context).ended) return new HostedAgentIdentityError("context_ended");
    try {
      for (const { url } of elicited.pages) checkPage(options, allowed, url);
      const requests = await Promise.all(elicited.pages.map(async (page) => requestFor(context, page)));
      recordConsent(context, requests);
      return new ConsentRequiredError(requests);
    } catch (error) {
      if (isHostedAgentIdentityError(error)) return error;
      throw error;
    }
  };

  return {
    declared: resource.elicitation === undefined ? (init) => init : withUrlElicitation,
    taken({ context, init, response, asked, send, blocksOf }) {
      let sent: SentRpc | undefined;
      const judge = (message: unknown): Promise<MessageFault> | undefined => {
        const elicited = elicitedBy(message);
        if (elicited === undefined) return undefined;
        sent ??= sentRpc(init);
        if (!isForUs(resource, elicited, sent)) return undefined;
        if (elicited.kind === "meanwhile") void cancelled(elicited.id, send);
        const id = sent?.id ?? elicited.id;
        if (elicited.kind !== "undeclared") asked();
        return outcome(context, elicited).then((error) => {
          internalsOf(context).refusedInStream = error;
          return { error, code: urlElicitationRequired, id };
        });
      };
      // Only a server that may ask has its answers held until their first message.
      const hold = resource.elicitation !== undefined && init.method === "POST";
      return inspected(response, { mayConcern: mayElicit, judge }, hold, blocksOf);
    },
  };
}

/** Source: MCP 2025-11-25. */
const urlElicitationRequired = -32042;

/**
 * Whether a message is taken out of the answer. What answers a request has to have its id. A host that declares URLs
 * itself gets them, unless the resource says which are allowed: servers send `elicitation/create` to no other one.
 */
function isForUs(
  { elicitation }: ProtectedResource,
  { kind, id }: Elicited,
  sent: SentRpc | undefined,
): boolean {
  if (kind === "meanwhile") return elicitation !== undefined;
  // A stream that is resumed has no request of its own.
  if (sent !== undefined && sent.id !== id) return false;
  return elicitation !== undefined || sent?.declaresUrl !== true || !mayNeedInput(sent.method);
}

/** Not `decline`: the user has not been asked yet. Not `accept`: that says that the user has agreed to open it. */
async function cancelled(id: unknown, send: AnsweredRequest["send"]): Promise<void> {
  try {
    const answer = await send(JSON.stringify({ jsonrpc: "2.0", id, result: { action: "cancel" } }));
    await answer.body?.cancel();
  } catch {
    // The server stops waiting by itself; the user is asked all the same.
  }
}

async function consentRequest(
  { resource, pageFor }: ElicitationOptions,
  context: UserContext,
  { url, message }: ElicitedPage,
): Promise<ConsentRequest> {
  const { link, expiresAt } = (await pageFor?.({ context, resource, url, message })) ?? {
    link: url,
    expiresAt: undefined,
  };
  return new ConsentRequest({ link, serverLabel: resource.serverLabel, reason: "elicitation", expiresAt });
}

/** Throws for a URL that must not be shown. */
function checkPage(
  { resource, onEvent }: ElicitationOptions,
  allowed: readonly ReturnType<typeof urlMatch>[],
  url: string,
): void {
  const refused = refusedLink(url, undefined);
  if (refused === undefined && allowed.some((matches) => matches(url) !== undefined)) return;
  // A path of such a link may sign somebody in, too.
  const origin = URL.canParse(url) ? new URL(url).origin : undefined;
  emit(onEvent, consentLinkRefused("elicitation", origin, resource.serverLabel));
  throw refused ?? notAllowed(resource, `a page at ${JSON.stringify(origin)}`);
}

function notAllowed({ serverLabel }: ProtectedResource, what: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "elicitation_not_allowed",
    `${JSON.stringify(serverLabel)} asks the user to open ${what}, which elicitation.allowedLinks of its resource does not allow.`,
  );
}

function undeclared(resource: ProtectedResource): HostedAgentIdentityError {
  if (resource.elicitation === undefined) return notAllowed(resource, "a page");
  return new HostedAgentIdentityError(
    "elicitation_not_allowed",
    `${JSON.stringify(resource.serverLabel)} would ask the user to open a page, but the request does not declare that it may.`,
    elicitationNotAllowedCauses.undeclared,
  );
}

function repeated({ serverLabel }: ProtectedResource): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "elicitation_repeated",
    `${JSON.stringify(serverLabel)} asks the user to open the same page again.`,
  );
}

function tooMany({ serverLabel }: ProtectedResource): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "elicitation_repeated",
    `${JSON.stringify(serverLabel)} asks the user to open more than ${maxPages} pages in one turn.`,
    elicitationRepeatedCauses.tooMany,
  );
}
