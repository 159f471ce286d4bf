import { principalKey } from "../../context/principal.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { Ticket } from "../link/ticket.js";
import { isSame } from "../grants/record-changes.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { pin, readPin, takePinBack } from "../grants/pin.js";
import { recordName } from "../grants/record-names.js";

/** The result of a binding. Anything but `bound` has stored nothing and left the ticket as it was. */
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
/** How long an interrupted binding blocks its ticket. */
const bindingMs = 30_000;

/**
 * Stores the grant of a principal that has proven the account to be its own: the initiator's account, or one whose code
 * and yes came from the chat. Only this uses the ticket up. `generation` is the principal's when the user came back
 * from Entra; nothing is stored when it has changed since.
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
  // The grant is stored: a failure from here on does not fail the sign-in.
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
    // Nothing was stored, so the pin must not stay.
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

/** Under the agent's name: another agent's ticket with the same id must not use this one up. */
function usedKey({ core }: SignInInternals, { agent, id }: Ticket): string {
  return recordName("ticket", core.publicUrl, agent, id);
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
