import { principalKey } from "../../context/principal.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { Ticket } from "../link/ticket.js";
import { isSame } from "../grants/record-changes.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { pin, readPin, takePinBack } from "../grants/pin.js";
import { recordName } from "../grants/record-names.js";

/** How a binding went. Anything but `bound` has stored nothing, and left the ticket as it was. */
export type Bound =
  | "bound"
  | "already_done"
  | "wrong_account"
  | "pinned_account"
  /** The same ticket is being bound at this moment. */
  | "other_tab"
  /** The principal has signed out since the sign-in began. */
  | "signed_out";

/** Longer than a link, a stay at Entra, a code and a yes can take together. */
const usedMs = 60 * 60_000;
/** How long a binding that was cut off keeps the ticket from the next one. */
const bindingMs = 30_000;

/**
 * Stores the grant of a principal that is known to be the account's: the initiator's own, or one whose chat
 * has said the code and yes. The ticket is used up by this, and by nothing else. `generation`: the principal's when
 * the person came back from Entra, where something was waited for since.
 */
export async function bind(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number | undefined,
): Promise<Bound> {
  const { account } = arrived;
  const { store } = service.core;
  if (ticket.initiator !== undefined && !isSame(account, ticket.initiator)) return "wrong_account";
  const used = usedKey(service, ticket);
  if (!(await store.setIfAbsent(used, "binding", bindingMs)))
    return (await isUsed(service, ticket)) ? "already_done" : "other_tab";
  let outcome: Bound;
  try {
    outcome = await pinAndKeep(service, ticket, arrived, generation);
  } catch (cause) {
    await store.delete(used).catch(() => undefined);
    throw cause;
  }
  if (outcome !== "bound") {
    await store.delete(used);
    return outcome;
  }
  // The grant is stored: what goes wrong from here on is not the person's.
  await store.compareAndSet(used, "binding", "used", usedMs).catch(() => undefined);
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

async function pinAndKeep(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number | undefined,
): Promise<Bound> {
  const { account } = arrived;
  if (ticket.initiator !== undefined)
    return (await keep(service, ticket, arrived, generation)) === "kept" ? "bound" : "signed_out";
  const core = service.coreOf(ticket.agent);
  const owner = principalKey(ticket.principal);
  const before = await readPin(core, owner);
  if (!(await pin(core, owner, account))) return "pinned_account";
  let outcome: Bound | undefined;
  try {
    outcome = (await keep(service, ticket, arrived, generation)) === "kept" ? "bound" : "signed_out";
    return outcome;
  } catch (cause) {
    if (isHostedAgentIdentityError(cause) && cause.code === "wrong_user") return "pinned_account";
    throw cause;
  } finally {
    // Nothing was stored, so the chat keeps to nobody for it.
    if (outcome !== "bound" && before === undefined)
      await takePinBack(core, owner, account).catch(() => undefined);
  }
}

async function keep(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number | undefined,
): Promise<"kept" | "signed_out"> {
  const { account, refreshToken, token, expiresAt, refreshAt } = arrived;
  const { resource, claims } = ticket;
  const scopes = [...ticket.scopes].sort();
  const first = { token, expiresAt, refreshAt, resource, scopes, claims };
  const grant = { account, refreshToken, resources: [resource], scopes };
  return service.grantsOf(ticket.agent).keep(principalKey(ticket.principal), grant, first, generation);
}

/** Whether a ticket has done its work. */
export async function isUsed(service: SignInInternals, ticket: Ticket): Promise<boolean> {
  return (await service.core.store.get(usedKey(service, ticket))) === "used";
}

/** Under the agent's name: another agent's ticket of the same id uses nothing up. */
function usedKey({ core }: SignInInternals, { agent, id }: Ticket): string {
  return recordName("ticket", core.publicUrl, agent, id);
}

/** Lets no listener break a sign-in, also one that is late. */
export function quietly(tell: () => unknown): void {
  try {
    // An async listener is taken where one that returns nothing is asked for.
    Promise.resolve(tell()).catch(() => undefined);
  } catch {
    // A listener's trouble is not the person's.
  }
}
