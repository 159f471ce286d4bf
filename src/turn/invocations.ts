import type { UserContext } from "../context/user-context.js";
import {
  terminalEvents,
  type ResponseEvent,
  type ResponseFailure,
  type ResponseObject,
} from "../foundry/events.js";
import { isConsentItem, type OAuthConsentRequestItem, type OutputItem } from "../foundry/items.js";
import { invalid } from "../options/invalid.js";
import { func, optional } from "../options/checks.js";
import { readOptions, type OptionTable } from "../options/option-table.js";
import { answerTurn, type TurnHost, type TurnProtocol } from "./answer.js";
import { onWeb } from "./responses.js";
import {
  responsesOptions,
  responsesSettings,
  type ResponsesOptions,
  type ResponsesRun,
} from "./responses-options.js";
import type { RunLimits } from "./run-pieces.js";
import { runCheck } from "./turn-options.js";
import { parsedBody } from "./turn-request.js";
import type { SentEvent } from "./to-sse.js";
import type { RunOutput, Turn } from "./turn.js";

/** A turn that answers `POST /invocations`. */
export interface InvocationTurn extends Turn {
  /** The parsed body, as it came; after a sign-in that interrupted it, the body of the interrupted request. */
  readonly body: unknown;
  /** What the person wrote, as the option `message` says; empty without it. */
  readonly input: string;
}

/** The code of a turn. */
export type InvocationRun = (turn: InvocationTurn) => RunOutput;

/** How `POST /invocations` is answered. */
export interface InvocationsOptions extends Omit<ResponsesOptions, "agentReference" | "model"> {
  /**
   * What the person wrote: only your agent knows the form of its requests. Without it no code, no yes and no kept prompt
   * can be told from anything else, so `signIn` needs it.
   */
  readonly message?: (body: unknown) => string | undefined;
}

/**
 * What `POST /invocations` answers as JSON, and what the last event of a stream says.
 * @group Turns
 */
export interface InvocationResult {
  readonly id: string;
  /** `consent_required`: show the links of `consent`, and send the request again afterwards. */
  readonly status: "completed" | "consent_required" | "incomplete" | "failed" | "cancelled";
  readonly output_text: string;
  readonly consent?: readonly OAuthConsentRequestItem[];
  readonly error?: ResponseFailure;
}

/**
 * A handler for `POST /invocations`, web-standard: put it behind `userContext()`. The body is any JSON, and a turn
 * is run as `responses()` runs it. The answer is an {@link InvocationResult}; a request that accepts
 * `text/event-stream` gets the events `started`, `text` (`delta`), `consent_required` (`consent`) and last `ended`
 * (`result`). Other events of the run are not sent. A caller that has to sign its user in again before the answer has
 * begun gets 401 with a challenge, which the body repeats in `error`.
 *
 * Throws `invalid_option`.
 *
 * Entry point: `hosted-agent-identity`; for Express, Fastify, Hono and node:http, take the one of the same name
 * from their entry.
 * Source: learn.microsoft.com, foundry/agents/concepts/hosted-agent-contract: the protocol leaves bodies to the agent.
 *
 * @example
 * ```ts
 * import { invocations } from "hosted-agent-identity";
 *
 * export const handler = invocations(
 *   async function* ({ input }) {
 *     yield `You said: ${input}`;
 *   },
 *   { message: (body) => (body as { message?: string }).message },
 * );
 * ```
 * @group Turns
 */
export function invocations(
  run: InvocationRun,
  options: InvocationsOptions = {},
): (request: Request, context?: UserContext) => Promise<Response> {
  return onWeb(invocationsHost(run, options));
}

const { agentReference: _reference, model: _model, ...shared } = responsesOptions;

/** The options of `invocations()`, here and in the adapters. */
export const invocationsOptions: OptionTable<
  InvocationsOptions,
  "maxBodyBytes" | "random" | keyof RunLimits
> = {
  ...shared,
  message: optional(func<NonNullable<InvocationsOptions["message"]>>()),
};

/** What answers `POST /invocations`. Throws `invalid_option`. */
export function invocationsHost(run: InvocationRun, options: InvocationsOptions): TurnHost {
  runCheck.read(run, "invocations: run");
  const { message, ...settled } = readOptions("invocations", invocationsOptions, options);
  if (message === undefined && settled.signIn !== undefined)
    throw invalid("invocations: signIn", "needs `message`, which says what the person wrote.");
  const asResponses: ResponsesRun = ({ request, responseId: _id, ...turn }) =>
    run({ ...turn, body: (request.body["input"] as readonly KeptBody[])[0]?.body });
  const settings = responsesSettings(asResponses, settled);
  const protocol: TurnProtocol = { read: (input) => readInvocation(input, message), result, event };
  return {
    name: "invocations",
    settings,
    answer: (input) => answerTurn(asResponses, settings, input, protocol),
  };
}

/** A body in the form in which turns keep what a sign-in interrupts. */
interface KeptBody {
  readonly role: "user";
  readonly content: string;
  readonly body: unknown;
}

function readInvocation(
  { body: raw, accept }: Parameters<TurnProtocol["read"]>[0],
  message: InvocationsOptions["message"],
): ReturnType<TurnProtocol["read"]> {
  const parsed = parsedBody(raw);
  if ("error" in parsed) return parsed;
  const said: unknown = message?.(parsed.value);
  const input = typeof said === "string" ? said : "";
  const kept: KeptBody = { role: "user", content: input, body: parsed.value };
  const stream = /(?:^|,)\s*text\/event-stream\b/i.test(accept ?? "");
  return { request: { body: { input: [kept] }, input }, stream };
}

function result({ id, status, output, error }: ResponseObject): InvocationResult {
  const consent = output.filter(isConsentItem);
  const made = {
    id,
    status: consent.length > 0 ? "consent_required" : (status as InvocationResult["status"]),
    output_text: output.map(textOf).join(""),
  } as const;
  if (consent.length > 0) return { ...made, consent };
  return error === null || error === undefined ? made : { ...made, error };
}

function textOf(item: object): string {
  const { type, content } = item as { readonly type?: unknown; readonly content?: unknown };
  if (type !== "message" || !Array.isArray(content)) return "";
  return content.map((part) => String((Object(part) as { text?: unknown }).text ?? "")).join("");
}

function event({ type, response, ...fields }: ResponseEvent): SentEvent | undefined {
  const sent = (more: object): SentEvent => more as SentEvent;
  if (type === "response.created") return sent({ type: "started", id: response?.id });
  const { delta, item } = fields as { readonly delta?: unknown; readonly item?: OutputItem };
  if (type === "response.output_text.delta") return sent({ type: "text", delta });
  if (type === "response.output_item.done" && item !== undefined && isConsentItem(item))
    return sent({ type: "consent_required", consent: item });
  if (!terminalEvents.has(type) || response === undefined) return undefined;
  return sent({ type: "ended", result: result(response) });
}
