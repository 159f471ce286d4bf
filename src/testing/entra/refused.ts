import { randomUUID } from "node:crypto";
import type { RefusalFacts } from "./refusals/facts.js";
import { refusals, type RefusalName } from "./refusals.js";

/** Thrown inside the emulator; becomes Entra's error body, an error page or an error on the redirect URI. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly facts: RefusalFacts;
  /** `claims` of the body: a JSON string. */
  readonly claims: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(
    facts: RefusalFacts,
    more: { claims?: string | undefined; retryAfterS?: number | undefined } = {},
  ) {
    super(facts.text);
    this.facts = facts;
    this.claims = more.claims;
    this.retryAfterS = more.retryAfterS;
  }
}

/** A refusal of the table, with the places of its text filled in. */
export function refused(name: RefusalName, values: Record<string, string> = {}, claims?: string): Refused {
  const facts: RefusalFacts = refusals[name];
  const text = facts.text.replace(/\{(\w+)\}/g, (_place, key: string) => values[key] ?? "");
  return new Refused({ ...facts, text }, { claims });
}

export interface RefusalBody {
  readonly error: string;
  readonly error_description: string;
  readonly error_codes: readonly number[];
  readonly timestamp: string;
  readonly trace_id: string;
  readonly correlation_id: string;
  readonly error_uri: string;
  readonly suberror: string | undefined;
  readonly claims: string | undefined;
}

/** The body as Entra writes it. */
export function refusalBody(
  refusal: Refused,
  at: { readonly now: number; readonly correlationId: string; readonly origin: string },
): RefusalBody {
  const { codes, error, suberror, text } = refusal.facts;
  const timestamp = `${new Date(at.now).toISOString().slice(0, 19).replace("T", " ")}Z`;
  const traceId = randomUUID();
  const trailer = `Trace ID: ${traceId} Correlation ID: ${at.correlationId} Timestamp: ${timestamp}`;
  return {
    error,
    error_description: `AADSTS${codes[0]}: ${text} ${trailer}`,
    error_codes: codes,
    timestamp,
    trace_id: traceId,
    correlation_id: at.correlationId,
    error_uri: `${at.origin}/error?code=${codes[0]}`,
    suberror,
    claims: refusal.claims,
  };
}
