import { principalKey } from "../../context/principal.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { Ticket } from "../link/ticket.js";
import { isSame } from "../grants/record-changes.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { pinning } from "../grants/pin.js";
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
 * from Entra; nothing is stored when it has changed since. `id` names the sign-in: whoever calls with the same one
 * again, after a failure or because the process died, goes on where that ended.
 */
export async function bind(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number | undefined,
  id: string = randomId(service.core),
): Promise<Bound> {
  const { account } = arrived;
  const { store } = service.core;
  if (ticket.initiator !== undefined && !isSame(account, ticket.initiator)) return "wrong_account";
  const key = usedKey(service, ticket);
  const [binding, used] = [`binding ${id}`, `used ${id}`];
  // Only its own mark: the step that failed may have found another one.
  const release = async (): Promise<void> => {
    if ((await store.get(key)) === binding) await store.delete(key);
  };
  let outcome: Bound;
  try {
    if (!(await store.setIfAbsent(key, binding, bindingMs))) {
      const found = await store.get(key);
      if (found === used) return "bound";
      if (found?.startsWith("used ") === true) return "already_done";
      if (found !== binding) return "other_tab";
    }
    outcome = await pinAndKeep(service, ticket, arrived, generation);
  } catch (cause) {
    await release().catch(() => undefined);
    throw cause;
  }
  if (outcome !== "bound") {
    await release().catch(() => undefined);
    return outcome;
  }
  // The grant is stored: a failure from here on does not fail the sign-in.
  await store.compareAndSet(key, binding, used, usedMs).catch(() => undefined);
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
  const core = service.coreOf(ticket.agent);
  const owner = principalKey(ticket.principal);
  const own = ticket.initiator === undefined ? pinning(core, owner, account) : undefined;
  // Nothing was stored, so the pin must not stay.
  const unpin = async (): Promise<void> => own?.takeBack().catch(() => undefined);
  try {
    if (own !== undefined && !(await own.pin())) return "pinned_account";
    if ((await keep(service, ticket, arrived, generation)) === "kept") return "bound";
    await unpin();
    return "signed_out";
  } catch (cause) {
    const isRefused = isHostedAgentIdentityError(cause) && cause.code === "wrong_user";
    // A write that failed may have happened. While that is unknown, the pin stays.
    const stored = isRefused ? false : await isStored(service, ticket, arrived).catch(() => undefined);
    if (stored === true) return "bound";
    if (stored === false) await unpin();
    if (isRefused && ticket.initiator === undefined) return "pinned_account";
    throw cause;
  }
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
  return (await service.core.store.get(usedKey(service, ticket)))?.startsWith("used ") === true;
}

/** Under the agent's name: another agent's ticket with the same id must not use this one up. */
function usedKey({ core }: SignInInternals, { agent, id }: Ticket): string {
  return recordName("ticket", core.publicUrl, agent, id);
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
