/** What Foundry wants of a response before it stores it. */
export interface AnswerRule {
  /** What a caller is told; the platform tells no more. */
  readonly status: number;
  readonly text: string;
  readonly confidence: "A" | "B" | "C" | "D";
  readonly source: string;
}

const behaviour = "azure-sdk-for-net, Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md";
const opaque = "An internal server error occurred.";

function rule(
  confidence: AnswerRule["confidence"],
  source: string,
  status = 500,
  text: string = opaque,
): AnswerRule {
  return { status, text, confidence, source };
}

/** What can be wrong with an answer of the container. */
export type AnswerRuleName =
  | "not_a_response"
  | "incomplete_reason_unknown"
  | "incomplete_reason_misplaced"
  | "agent_reference_missing"
  | "response_id_malformed"
  | "response_id_not_chosen"
  | "response_id_taken"
  | "response_id_changes"
  | "status_unknown"
  | "status_differs"
  | "completed_at_misplaced"
  | "error_misplaced"
  | "item_without_id"
  | "item_id_repeated"
  | "item_of_another_response"
  | "item_of_another_agent"
  | "consent_item_incomplete"
  | "event_malformed"
  | "event_name_differs"
  | "event_with_id"
  | "done_marker"
  | "sequence_broken"
  | "order_broken"
  | "terminal_missing"
  | "terminal_repeated"
  | "item_differs";

/** By what is wrong. A response that breaks one is not stored, and its caller gets an error instead. */
export const answerRules: Readonly<Record<AnswerRuleName, AnswerRule>> = {
  /** No JSON object, or not a response. */
  not_a_response: rule("A", behaviour),
  incomplete_reason_unknown: rule(
    "B",
    "github.com/microsoft/agent-framework/pull/8006: storage takes max_output_tokens and content_filter only",
    400,
    "Invalid value for incomplete_details.reason.",
  ),
  incomplete_reason_misplaced: rule("A", `${behaviour}: a reason belongs to an incomplete response`),
  agent_reference_missing: rule(
    "B",
    "agent-framework-js, packages/agentserver/src/session-id.ts: a write without one is an opaque 500, measured live",
  ),
  response_id_malformed: rule("B", "agent-framework-js, packages/agentserver/src/ids.ts"),
  response_id_not_chosen: rule(
    "B",
    "agent-framework-js, packages/agentserver/src/context.ts: x-agent-response-id takes precedence",
  ),
  response_id_taken: rule("C", behaviour),
  response_id_changes: rule("A", behaviour),
  status_unknown: rule("A", behaviour),
  status_differs: rule("A", `${behaviour}: the terminal event says the status`),
  completed_at_misplaced: rule("A", `${behaviour}: null unless completed`),
  error_misplaced: rule("A", `${behaviour}: null unless failed`),
  item_without_id: rule("A", behaviour),
  item_id_repeated: rule("C", behaviour),
  item_of_another_response: rule("A", `${behaviour}, B20`),
  item_of_another_agent: rule("A", `${behaviour}, B21`),
  consent_item_incomplete: rule(
    "A",
    "azure-rest-api-specs, ai-foundry/data-plane/Foundry, OAuthConsentRequestOutputItem: id and consent_link are required",
  ),

  // --- the stream it came in
  event_malformed: rule("A", behaviour),
  event_name_differs: rule("A", `${behaviour}: event: {type}`),
  event_with_id: rule("A", `${behaviour}: no id: line`),
  done_marker: rule("A", `${behaviour}: no [DONE]`),
  sequence_broken: rule("A", `${behaviour}: sequence_number from 0, without a gap`),
  order_broken: rule("A", `${behaviour}: response.created first, then queued or in_progress`),
  terminal_missing: rule("A", `${behaviour}: exactly one terminal event`),
  terminal_repeated: rule("A", `${behaviour}: exactly one terminal event`),
  item_differs: rule("A", `${behaviour}: the terminal event's output is what was sent`),
};

/** Thrown inside the emulator for an answer that breaks a rule. */
export class BrokenAnswer extends Error {
  override readonly name = "BrokenAnswer";
  readonly rule: AnswerRuleName;

  constructor(broken: AnswerRuleName) {
    super(broken);
    this.rule = broken;
  }
}

/** Throws unless it holds. */
export function must(holds: boolean, broken: AnswerRuleName): asserts holds {
  if (!holds) throw new BrokenAnswer(broken);
}
