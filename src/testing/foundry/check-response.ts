import { must } from "./answer-rules.js";

/** A response as it came; every field is unchecked until {@link checkResponse}. */
export interface AnsweredResponse {
  readonly id: string;
  readonly status: string;
  readonly output: readonly Record<string, unknown>[];
  readonly [field: string]: unknown;
}

/** What is known about the request that it answers. */
export interface Expected {
  readonly chosenId: string | undefined;
  readonly isTaken: (id: string) => boolean;
}

/** The states in which a response can be stored. */
const finalStatuses = new Set(["completed", "failed", "incomplete", "cancelled"]);
/** Source: agent-framework pull request 8006. */
const incompleteReasons = new Set<unknown>(["max_output_tokens", "content_filter"]);

/** Checks a finished response as Foundry's storage does. Throws what is wrong. */
export function checkResponse(given: unknown, { chosenId, isTaken }: Expected): AnsweredResponse {
  must(isRecord(given) && given["object"] === "response" && Array.isArray(given["output"]), "not_a_response");
  const { id, status, output, agent_reference: agent } = given;
  must(
    typeof id === "string" && /^[a-z]+_(?:[A-Za-z0-9]{50}|[A-Za-z0-9]{48})$/.test(id),
    "response_id_malformed",
  );
  must(chosenId === undefined || id === chosenId, "response_id_not_chosen");
  must(!isTaken(id), "response_id_taken");
  must(typeof status === "string" && finalStatuses.has(status), "status_unknown");
  must(isRecord(agent) && isName(agent["name"]), "agent_reference_missing");
  must(status === "completed" || (given["completed_at"] ?? null) === null, "completed_at_misplaced");
  must((status === "failed") === ((given["error"] ?? null) !== null), "error_misplaced");
  checkReason(status, given["incomplete_details"] ?? null);
  const items = output as readonly unknown[];
  const checked: Record<string, unknown>[] = [];
  const ids = new Set<unknown>();
  for (const item of items) {
    must(isRecord(item) && typeof item["type"] === "string" && isName(item["id"]), "item_without_id");
    must(!ids.has(item["id"]), "item_id_repeated");
    ids.add(item["id"]);
    must((item["response_id"] ?? id) === id, "item_of_another_response");
    const itemAgent = item["agent_reference"] ?? agent;
    must(isRecord(itemAgent) && itemAgent["name"] === agent["name"], "item_of_another_agent");
    if (item["type"] === "oauth_consent_request")
      must(isName(item["consent_link"]), "consent_item_incomplete");
    checked.push(item);
  }
  return { ...given, id, status, output: checked };
}

function checkReason(status: string, details: unknown): void {
  if (details === null) return;
  must(status === "incomplete", "incomplete_reason_misplaced");
  must(isRecord(details) && incompleteReasons.has(details["reason"]), "incomplete_reason_unknown");
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
