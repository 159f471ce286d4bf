import { principalKey } from "../../context/principal.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { Ticket } from "../flow/ticket.js";
import { isSame } from "../grants/record-changes.js";
import type { Arrived, SignInService } from "../service.js";
import { pin } from "./pin.js";

/** How a binding went. Anything but `bound` has stored nothing. */
export type Bound = "bound" | "already_done" | "wrong_account" | "pinned_account";

/** Longer than a link, a stay at Entra, a code and a yes can take together. */
const usedMs = 60 * 60_000;

/**
 * Stores the grant of a principal that is known to be the account's: the initiator's own, or one whose chat
 * has said the code and yes. The ticket is used up by this, and by nothing else. Rule 9.
 */
export async function bind(service: SignInService, ticket: Ticket, arrived: Arrived): Promise<Bound> {
  const { account } = arrived;
  const core = service.coreOf(ticket.agent);
  const owner = principalKey(ticket.principal);
  if (ticket.initiator !== undefined && !isSame(account, ticket.initiator)) return "wrong_account";
  const used = usedKey(service, ticket);
  if (!(await core.store.setIfAbsent(used, "used", usedMs))) return "already_done";
  try {
    if (ticket.initiator === undefined && !(await pin(core, owner, account))) {
      await core.store.delete(used);
      return "pinned_account";
    }
    await keep(service, ticket, arrived);
  } catch (cause) {
    await core.store.delete(used).catch(() => undefined);
    if (isHostedAgentIdentityError(cause) && cause.code === "wrong_user") return "pinned_account";
    throw cause;
  }
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

async function keep(service: SignInService, ticket: Ticket, arrived: Arrived): Promise<void> {
  const { account, refreshToken, token, expiresAt, refreshAt } = arrived;
  const { resource, claims } = ticket;
  const scopes = [...ticket.scopes].sort();
  const first = {
    token,
    expiresAt,
    refreshAt,
    resource,
    scopes,
    ...(claims === undefined ? {} : { claims }),
  };
  const grant = { account, refreshToken, resources: [resource], scopes };
  await service.grantsOf(ticket.agent).keep(principalKey(ticket.principal), grant, first);
}

/** Whether a ticket has done its work. */
export async function isUsed(service: SignInService, ticket: Ticket): Promise<boolean> {
  return (await service.core.store.get(usedKey(service, ticket))) !== undefined;
}

function usedKey({ core }: SignInService, { id }: Ticket): string {
  return core.keys.storeKey("ticket", core.publicUrl, id);
}

/** Lets no listener break a sign-in. */
export function quietly(tell: () => void): void {
  try {
    tell();
  } catch {
    // A listener's trouble is not the person's.
  }
}
