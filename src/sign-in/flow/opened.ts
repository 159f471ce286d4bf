import { HostedAgentIdentityError } from "../../errors.js";
import { recordName } from "../grants/record-names.js";
import type { Ticket } from "../link/ticket.js";
import { ticketPrincipal } from "../link/ticket.js";
import type { SignInContext } from "../sign-in-context.js";

/** A page that the server of a resource asks a user to open. */
interface PageOfUser {
  /** The principal's key. */
  readonly owner: string;
  readonly resource: string;
  readonly serverLabel: string;
  readonly url: string;
}

/** Long enough to come back from the page, short enough to try again. */
const openedMs = 60_000;

/** Notes the click that leads to a page, for all replicas. The name of the record is all that is stored. */
export async function noteOpened(core: SignInContext, ticket: Ticket, url: string): Promise<void> {
  const name = nameOf(core, { ...ticket, owner: ticketPrincipal(ticket), url });
  // The user goes on without it. Then a server that asks again is not noticed.
  await core.store.setIfAbsent(name, "opened", openedMs).catch(() => undefined);
}

/** Throws `elicitation_repeated` for a page that its user has opened within the last minute. */
export async function checkNotJustOpened(core: SignInContext, page: PageOfUser): Promise<void> {
  const opened = await core.store.get(nameOf(core, page)).catch(() => undefined);
  if (opened === undefined) return;
  throw new HostedAgentIdentityError(
    "elicitation_repeated",
    `${JSON.stringify(page.serverLabel)} asks the user to open a page that the user has just opened.`,
  );
}

function nameOf({ agent }: SignInContext, { owner, resource, url }: Omit<PageOfUser, "serverLabel">): string {
  return recordName("state", "opened", agent, owner, resource, url);
}
