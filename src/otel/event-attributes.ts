import type { Attributes } from "@opentelemetry/api";
import type { IdentityEvent } from "../events/events.js";
import { attributes } from "./names.js";

/** Fields whose values are fixed words of this package, or names that the developer chose. */
type Shown = "serverLabel" | "source" | "code" | "category" | "reason" | "scope" | "call" | "agent" | "from";

const attributeOf: Readonly<Record<Shown, string>> = {
  serverLabel: attributes.serverLabel,
  source: attributes.source,
  code: attributes.errorCode,
  category: attributes.outcome,
  reason: attributes.reason,
  scope: attributes.reason,
  call: attributes.call,
  agent: attributes.agent,
  from: attributes.reason,
};

/**
 * The fields of each event that become attributes. An allow list, so a new field stays out until it is listed here:
 * object ids, principals and the purposes of long-running work are not on it.
 */
const shown: Readonly<Record<IdentityEvent["type"], readonly Shown[]>> = {
  token_acquired: ["serverLabel", "source"],
  token_refused: ["serverLabel", "code", "category"],
  user_token_refused: ["code", "category"],
  background_refresh_failed: ["serverLabel", "code"],
  wrong_user: [],
  back_off: ["scope"],
  shared_cache_failed: ["serverLabel", "call", "reason"],
  shared_cache_recovered: ["serverLabel", "call"],
  shared_cache_unreadable: ["serverLabel"],
  mcp_client_closed: ["reason"],
  mcp_client_close_failed: ["reason"],
  consent_link_refused: ["from"],
  run_event_dropped: [],
  grant_stored: ["reason"],
  grant_ended: ["reason"],
  long_running_started: [],
  long_running_used: [],
  long_running_ended: [],
  sign_in_refused: ["reason"],
  sign_in_failed: ["code"],
  agent_token_issued: ["agent", "serverLabel"],
  agent_named_user: ["agent"],
  agent_signed_out_user: ["agent"],
  agent_refused: ["agent", "call", "code", "category"],
  sign_in_service_failed: ["call", "code"],
  sign_in_store_volatile: [],
  stream_part_skipped: [],
};

/** All types of events. */
export const eventTypes: readonly string[] = Object.keys(shown);

/** The attributes that an event is counted with. */
export function eventAttributes(event: IdentityEvent): Attributes {
  const values: Attributes = { [attributes.event]: event.type };
  for (const field of shown[event.type] ?? []) {
    const value = (event as Partial<Record<Shown, string>>)[field];
    if (typeof value === "string") values[attributeOf[field]] = value;
  }
  return values;
}
