import type { ResponseEventType } from "./event-types.js";
import type { OutputItem } from "./items.js";

/** The states of a response that a turn can be in. */
export type ResponseStatus = "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

/** Why a response failed. Safe to show. */
export interface ResponseFailure {
  readonly code: string;
  readonly message: string;
  /** For the sign-in that the caller has to do: parameters of the authorize endpoint. */
  readonly additionalInfo?: SignInInfo | undefined;
}

/**
 * What the next sign-in has to ask for, as parameters of the authorize endpoint: Entra's claims request (JSON), or
 * what RFC 9470 names.
 * @group Turns
 */
export interface SignInInfo {
  readonly claims?: string;
  readonly acr_values?: string;
  readonly max_age?: number;
}

/**
 * A response of the Responses protocol, as far as a turn writes it; hosts and models add more fields.
 * Source: Azure.AI.AgentServer.Responses, docs/api-behaviour-contract.md.
 * @group Turns
 */
export interface ResponseObject {
  readonly id: string;
  readonly object: "response";
  /** Seconds since the epoch. */
  readonly created_at: number;
  readonly status: ResponseStatus;
  /** Seconds since the epoch; `null` unless completed. */
  readonly completed_at: number | null;
  readonly error: ResponseFailure | null;
  /** `null` after a consent request: the protocol has no reason for it, and storage refuses unknown ones. */
  readonly incomplete_details: { readonly reason: string } | null;
  readonly model: string;
  readonly output: readonly OutputItem[];
  readonly previous_response_id: string | null;
}

/**
 * A streamed event of the Responses protocol. Fields that are not listed pass through.
 * @group Turns
 */
export interface ResponseEvent {
  readonly type: ResponseEventName;
  /** From 0, without a gap. */
  readonly sequence_number: number;
  readonly output_index?: number;
  readonly content_index?: number;
  readonly item_id?: string;
  readonly item?: OutputItem;
  readonly part?: unknown;
  readonly delta?: unknown;
  readonly text?: unknown;
  readonly response?: ResponseObject;
}

/**
 * An event as a run gives it. Numbers are set anew, so it needs none. Events of OpenAI's SDK fit, and so will
 * events that OpenAI adds to the protocol; parts of the AI SDK, OpenAI Agents and LangChain do not.
 * @group Turns
 */
export interface RunEvent {
  readonly type: "keepalive" | ResponseEventName;
}

/** The name of an event: one of the protocol's, or one that it may get. */
export type ResponseEventName = ResponseEventType | (`response.${string}` & {});

/** Events that tell the state of the response as a whole. A stream has one of each at most. */
export const openingEvents: ReadonlySet<string> = new Set([
  "response.created",
  "response.queued",
  "response.in_progress",
]);

/** Events after which nothing may follow, and the status each stands for. */
export const terminalEvents: ReadonlyMap<
  string,
  Exclude<ResponseStatus, "in_progress" | "cancelled">
> = new Map([
  ["response.completed", "completed"],
  ["response.incomplete", "incomplete"],
  ["response.failed", "failed"],
  ["error", "failed"],
]);

/** The only reasons a response may give for being incomplete. Others are refused by Foundry's storage. */
export const incompleteReasons: ReadonlySet<string> = new Set(["max_output_tokens", "content_filter"]);
