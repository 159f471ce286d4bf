/**
 * A part of the AI SDK's stream. Its fields are read as they come, so that parts of any version fit.
 * @group Turns
 */
export interface AiSdkPart {
  readonly type: string;
}

/**
 * The parts of one run, as `streamText()` gives them.
 * @group Turns
 */
export type AiSdkStream = AsyncIterable<AiSdkPart>;

/**
 * What `streamText()` returned, as far as it is read: `stream` of `ai` 7, `fullStream` of 5 and 6.
 * @group Turns
 */
export type AiSdkResult = { readonly stream: AiSdkStream } | { readonly fullStream: AiSdkStream };

/** A part, with fields that may be anything. */
export interface AnyPart extends AiSdkPart {
  readonly [field: string]: unknown;
}

/** A field that is a text, or `""`. */
export function textIn(part: object, field: string): string {
  const value = (part as Record<string, unknown>)[field];
  return typeof value === "string" ? value : "";
}
