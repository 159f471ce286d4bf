import { principalKey } from "../../context/principal.js";
import { HostedAgentIdentityError } from "../../errors.js";
import { recordBinding, type SignInContext } from "../sign-in-context.js";
import { ticketPrincipal, type Ticket } from "../link/ticket.js";
import { sealedCell, type Cell } from "../grants/sealed-cell.js";
import type { Arrived, SignInInternals } from "../sign-in-internals.js";
import { quietly } from "./bind.js";
import { codeDigest, newCode } from "./code.js";
import { newest, type RoomLimits } from "./owner-room.js";
import { recordName } from "../grants/record-names.js";

/** How long a code works, and how often one may be tried for one ticket. */
export const codeMs: number = 5 * 60_000;
export const maxTries = 5;
/** One ticket should not be used in many browsers. The newest sign-ins are kept. */
const maxOfTicket = 4;
/** How much one principal may have waiting for a code or a yes. */
export const pendingLimits: RoomLimits = { records: 16, bytes: 512 * 1024 };
/** How long a sign-in waits for its code and its yes together. Until then it is stored once, whatever is asked. */
const heldMs = 30 * 60_000;
/** Longer than what it lists. An expired code is then reported as expired, not as unknown. */
const listMs = heldMs + codeMs;
/** Longer than a ticket can lead to new codes: a link lives for 15 minutes, and so does an attempt at Entra. */
const triesMs = 60 * 60_000;

/** A sign-in that waits for its code. */
export interface Waiting {
  readonly id: string;
  readonly ticketId: string;
  readonly digest: string;
  readonly expiresAt: number;
  /** How much is stored for it. */
  readonly bytes: number;
}

/** What a right code leads to. */
export interface Pending {
  readonly ticket: Ticket;
  readonly arrived: Arrived;
  /** The principal's generation when the user came back from Entra. After a sign-out it does not count. */
  readonly generation: number;
}

/** Stores a sign-in under the principal of its ticket, and returns its code, which works for five minutes. */
export async function keepPending(
  service: SignInInternals,
  ticket: Ticket,
  arrived: Arrived,
  generation: number,
): Promise<{ readonly code: string; readonly expiresAt: number }> {
  const core = service.coreOf(ticket.agent);
  const owner = ticketPrincipal(ticket);
  const [id, code] = [Buffer.from(core.random(16)).toString("base64url"), newCode(core.random)];
  const expiresAt = core.now() + codeMs;
  const pending: Pending = { ticket, arrived, generation };
  const sealed = core.keys.seal("pending", bindingOf(core, owner, heldAs(id)), pending);
  const bytes = sealed.length;
  if (bytes > pendingLimits.bytes) throw new HostedAgentIdentityError("quota_reached");
  const waiting: Waiting = { id, ticketId: ticket.id, digest: codeDigest(code), expiresAt, bytes };
  let gone: readonly Waiting[] = [];
  // At the same time: what waits for the code can be found and ended by the account, and everything that is written is
  // in the list or deleted again. Nobody knows the code before all of it is there.
  const written = await Promise.allSettled([
    service.grantsOf(ticket.agent).expect(arrived.account, owner),
    core.store.setIfAbsent(keyOf(core, owner, heldAs(id)), sealed, heldMs),
    core.store.setIfAbsent(keyOf(core, owner, id), "waits", codeMs),
    waitingOf(core, owner).create((known) => {
      const kept = withWaiting(known, waiting);
      gone = known.filter((one) => !kept.includes(one));
      return kept;
    }),
  ]);
  const failure = written.find((one) => one.status === "rejected");
  if (failure !== undefined) {
    await dropAll(core, owner, id).catch(() => undefined);
    throw failure.reason;
  }
  for (const one of gone) await dropAll(core, owner, one.id);
  const { agent, principal, serverLabel } = ticket;
  quietly(() => service.onPending?.({ agent, principal, serverLabel }));
  return { code, expiresAt };
}

function withWaiting(known: readonly Waiting[], added: Waiting): readonly Waiting[] {
  const ofTicket = known.filter(({ ticketId }) => ticketId === added.ticketId).slice(1 - maxOfTicket);
  const others = known.filter(({ ticketId }) => ticketId !== added.ticketId);
  return newest([...others, ...ofTicket, added], pendingLimits);
}

/** The sign-ins of this principal that wait for a code. */
export function waitingOf(core: SignInContext, owner: string): Cell<readonly Waiting[]> {
  const binding = bindingOf(core, owner, "waiting");
  return sealedCell<readonly Waiting[]>(core.store, {
    key: keyOf(core, owner, "waiting"),
    ttlMs: listMs,
    none: [],
    seal: (list) => core.keys.seal("pending", binding, list),
    open: (text) => core.keys.open("pending", binding, text) as readonly Waiting[] | undefined,
  });
}

/** The sign-in of a code that is waited for: until it has led to its question, or the store's clock ends it. */
export async function readPending(
  core: SignInContext,
  owner: string,
  { id }: Waiting,
): Promise<Pending | undefined> {
  const [mark, pending] = await Promise.all([
    core.store.get(keyOf(core, owner, id)),
    readHeld(core, owner, id),
  ]);
  return mark === undefined ? undefined : pending;
}

/** The sign-in of a code, also after that was typed. */
export async function readHeld(core: SignInContext, owner: string, id: string): Promise<Pending | undefined> {
  const sealed = await core.store.get(keyOf(core, owner, heldAs(id)));
  if (sealed === undefined) return undefined;
  const pending = core.keys.open("pending", bindingOf(core, owner, heldAs(id)), sealed) as
    | Pending
    | undefined;
  return isOf(owner, pending) ? pending : undefined;
}

/** A code that has led to its question is waited for no more. */
export async function dropCode(core: SignInContext, owner: string, { id }: Waiting): Promise<void> {
  await core.store.delete(keyOf(core, owner, id));
}

/** Deletes the sign-in of a question that has ended. */
export async function dropHeld(core: SignInContext, owner: string, id: string): Promise<void> {
  await core.store.delete(keyOf(core, owner, heldAs(id)));
}

async function dropAll(core: SignInContext, owner: string, id: string): Promise<void> {
  await Promise.all([dropHeld(core, owner, id), core.store.delete(keyOf(core, owner, id))]);
}

/** A sign-in that waits for its code, and that code's id. */
export interface WaitedFor {
  readonly id: string;
  readonly pending: Pending;
}

/** The newest sign-in of this principal whose code is waited for: it has neither expired nor been typed. */
export async function codeWaitedFor(core: SignInContext, owner: string): Promise<WaitedFor | undefined> {
  for (const waiting of [...(await waitingOf(core, owner).read())].reverse()) {
    const pending = waiting.expiresAt > core.now() ? await readPending(core, owner, waiting) : undefined;
    if (pending !== undefined) return { id: waiting.id, pending };
  }
  return undefined;
}

/** Counts a try for a ticket, over all processes. */
export function countTry(core: SignInContext, owner: string, ticketId: string): Promise<number> {
  return core.store.increment(recordName("tries", ...recordBinding(core, owner), ticketId), triesMs);
}

/** When each sign-in ends that still waits for its code. */
export async function waitingUntil(core: SignInContext, owner: string): Promise<readonly number[]> {
  const until: number[] = [];
  for (const waiting of await waitingOf(core, owner).read())
    if ((await readPending(core, owner, waiting)) !== undefined) until.push(waiting.expiresAt);
  return until;
}

/** Deletes what waits for a code or a yes. */
export async function dropWaiting(core: SignInContext, owner: string): Promise<void> {
  for (const { id } of await waitingOf(core, owner).read()) await dropAll(core, owner, id);
  await core.store.delete(keyOf(core, owner, "waiting"));
}

/** The name of a sign-in itself, beside that of its code. */
function heldAs(id: string): string {
  return `held ${id}`;
}

/** The seal is bound to the owner already. Binding another principal's grant would be bad enough for a second check. */
function isOf(owner: string, pending: Pending | undefined): pending is Pending {
  return pending !== undefined && principalKey(pending.ticket.principal) === owner;
}

function bindingOf(core: SignInContext, owner: string, what: string): readonly string[] {
  return [...recordBinding(core, owner), what];
}

function keyOf(core: SignInContext, owner: string, what: string): string {
  return recordName("pending", ...bindingOf(core, owner, what));
}
