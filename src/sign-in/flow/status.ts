import { isUsed } from "../binding/bind.js";
import { waitingOf } from "../binding/pending.js";
import { linkFault } from "../../consent/link-policy.js";
import { emit } from "../../events/events.js";
import { isHostedAgentIdentityError } from "../../errors.js";
import type { SignInInternals } from "../sign-in-internals.js";
import type { SignInStatus } from "../sign-in.js";
import { formOf, one, type Reply } from "./replies.js";
import { openTicket, ticketPrincipal } from "../link/ticket.js";

/** How far a link has come: the link itself, or its ticket alone. */
export async function statusOfLink(service: SignInInternals, link: string): Promise<SignInStatus> {
  const text = linkFault(link) === undefined ? new URL(link).searchParams.get("t") : link;
  const opened = openTicket(service.core, service.linkKeys, text ?? "");
  if (opened.status === "bad") return "unknown";
  const { ticket } = opened;
  if (await isUsed(service, ticket)) return "done";
  const waiting = await waitingOf(service.coreOf(ticket.agent), ticketPrincipal(ticket)).read();
  const time = service.core.now();
  if (waiting.some(({ ticketId, expiresAt }) => ticketId === ticket.id && expiresAt > time)) return "code";
  return opened.status === "expired" ? "expired" : "waiting";
}

/**
 * `POST /status`, a form with the link as `link`: for a back end whose front end waits. The link is in the body,
 * because addresses are logged. The answer tells how far the link has come and nothing else. No CORS header lets
 * another site's page read it.
 */
export async function showStatus(service: SignInInternals, request: Request): Promise<Reply> {
  const link = one((await formOf(request)) ?? new URLSearchParams(), "link");
  if (link === undefined) return { json: { error: { code: "invalid_option" } }, status: 400 };
  try {
    return { json: { status: await statusOfLink(service, link) }, status: 200 };
  } catch (error) {
    const code = isHostedAgentIdentityError(error) ? error.code : "unexpected";
    emit(service.core.onEvent, { type: "sign_in_failed", code });
    return { json: { error: { code } }, status: 503 };
  }
}
