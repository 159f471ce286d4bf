/**
 * An event of a streamed run. Its fields are read as they come.
 * @group Turns
 */
export interface AgentsRunEvent {
  readonly type: string;
}

/**
 * A streamed run of the OpenAI Agents SDK, as far as it is read: a `StreamedRunResult`.
 * @group Turns
 */
export interface AgentsRun extends AsyncIterable<AgentsRunEvent> {
  /** Rejects with what went wrong after the last event. */
  readonly completed: PromiseLike<unknown>;
  readonly error?: unknown;
  readonly cancelled?: boolean;
}

/** An object of the SDK, with fields that may be anything. */
export type Fields = Readonly<Record<string, unknown>>;

/** A field that is an object, else one without fields. */
export function objectIn(given: Fields, field: string): Fields {
  return Object(given[field]) as Fields;
}

/** A field that is a text, or `""`. */
export function textIn(given: Fields, field: string): string {
  const value = given[field];
  return typeof value === "string" ? value : "";
}
