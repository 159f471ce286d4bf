import { principalKey } from "../../context/principal.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { Ticket } from "../link/ticket.js";
import { isSame } from "../grants/record-changes.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import type { Account, Kept, SeenGrant } from "../grants/grant.js";
import { pinning, type Pinning } from "../grants/pin.js";
import type { SeenText } from "../grants/sealed-cell.js";

/** The result of a binding. Anything but `bound` has stored nothing and left the ticket as it was. */
export type Bound =
  | "bound"
  | "already_done"
  | "wrong_account"
  | "pinned_account"
  /** The principal has signed out since the sign-in began. */
  | "signed_out";

/** What was read before, so that it is not read again. */
export interface SeenBefore {
  readonly record?: SeenGrant | undefined;
  /** The list of the account that signs in. */
  readonly list?: SeenText | undefined;
}

/**
 * Stores the grant of a principal that has proven the account to be its own: the initiator's account, or one whose code
 * and yes came from the chat. This uses the ticket up, in the same step. `generation` is the principal's when the user
 * came back from Entra; nothing is stored when it has changed since. `id` names the sign-in: whoever calls with the same
 * one again, after a failure or because the process died, goes on where that ended.
 */
export async function bind(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number | undefined,
  { id = randomId(service.core), record, list }: SeenBefore & { readonly id?: string } = {},
): Promise<Bound> {
  const { account } = arrived;
  if (ticket.initiator !== undefined && !isSame(account, ticket.initiator)) return "wrong_account";
  const usedBy = record?.usedBy(ticket.id);
  if (usedBy !== undefined) return usedBy === id ? "bound" : "already_done";
  const outcome = await pinAndKeep(service, ticket, arrived, { record, list, generation, id });
  if (outcome === "kept_before") return "bound";
  if (outcome !== "kept") return outcome;
  quietly(() =>
    service.onSignedIn?.({
      agent: ticket.agent,
      principal: ticket.principal,
      serverLabel: ticket.serverLabel,
      account,
    }),
  );
  return "bound";
}

interface Binding extends SeenBefore {
  readonly id: string;
  readonly generation: number | undefined;
}

async function pinAndKeep(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  binding: Binding,
): Promise<Kept | "pinned_account"> {
  const { account } = arrived;
  const core = service.coreOf(ticket.agent);
  const owner = principalKey(ticket.principal);
  const own = ticket.initiator === undefined ? pinning(core, owner, account) : undefined;
  // Nothing was stored, so the pin must not stay.
  const unpin = async (): Promise<void> => own?.takeBack().catch(() => undefined);
  try {
    if (own !== undefined && !(await pinAndList(service, ticket, account, { own, list: binding.list })))
      return "pinned_account";
    const kept = await keep(service, ticket, arrived, binding);
    if (kept === "signed_out" || kept === "already_done") await unpin();
    return kept;
  } catch (cause) {
    const isRefused = isHostedAgentIdentityError(cause) && cause.code === "wrong_user";
    // A write that failed may have happened. While that is unknown, the pin stays.
    const stored = isRefused ? false : await isStored(service, ticket, arrived).catch(() => undefined);
    if (stored === true) return "kept";
    if (stored === false) await unpin();
    if (isRefused && ticket.initiator === undefined) return "pinned_account";
    throw cause;
  }
}

/** At the same time: both come before the grant. Whether the account is pinned now. */
async function pinAndList(
  service: SignInInternals,
  ticket: Ticket,
  account: Account,
  { own, list }: { readonly own: Pinning; readonly list: SeenText | undefined },
): Promise<boolean> {
  const grants = service.grantsOf(ticket.agent);
  const owner = principalKey(ticket.principal);
  // Both have ended before anything is taken back.
  const [pinned, listed] = await Promise.allSettled([own.pin(), grants.enlist(account, owner, list)]);
  if (pinned.status === "rejected") throw pinned.reason;
  if (pinned.value && listed.status === "rejected") throw listed.reason;
  return pinned.value;
}

async function isStored(
  service: SignInInternals,
  ticket: Ticket,
  { refreshToken }: Arrived,
): Promise<boolean> {
  const grant = await service.grantsOf(ticket.agent).find(principalKey(ticket.principal));
  return grant?.refreshToken === refreshToken;
}

async function keep(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  { id, generation, record, list }: Binding,
): Promise<Kept> {
  const { account, refreshToken, token, expiresAt, refreshAt } = arrived;
  const { resource, claims } = ticket;
  const scopes = [...ticket.scopes].sort();
  const first = { token, expiresAt, refreshAt, resource, scopes, claims };
  const grant = { account, refreshToken, resources: [resource], scopes };
  return service.grantsOf(ticket.agent).keep(principalKey(ticket.principal), grant, first, {
    generation,
    used: { ticket: ticket.id, by: id },
    seen: record,
    list: ticket.initiator === undefined ? "listed" : list,
  });
}

/** Whether a ticket has done its work. */
export async function isUsed(service: SignInInternals, ticket: Ticket): Promise<boolean> {
  const record = await service.grantsOf(ticket.agent).look(principalKey(ticket.principal));
  return record.usedBy(ticket.id) !== undefined;
}

function randomId({ random }: SignInInternals["core"]): string {
  return Buffer.from(random(16)).toString("base64url");
}

/** Calls a listener. What it throws, or rejects with later, must not break a sign-in. */
export function quietly(tell: () => unknown): void {
  try {
    // TypeScript accepts an async function as a listener that returns nothing.
    Promise.resolve(tell()).catch(() => undefined);
  } catch {
    // The listener's failure.
  }
}
