import { textIn, type AnyPart } from "./parts.js";

/** A citation of a page, as the protocol has it. */
export interface Citation {
  readonly type: "url_citation";
  readonly url: string;
  readonly title: string;
  /** The piece of text it belongs to; both the same where the AI SDK does not say. */
  readonly start_index: number;
  readonly end_index: number;
}

/** A source that the AI SDK names without saying what it belongs to. */
export function sourceCitation(url: string, title: string, at: number): Citation {
  return { type: "url_citation", url, title, start_index: at, end_index: at };
}

/**
 * The citations that come with the end of a text: in `citations` from version 7 on, before that in what OpenAI's
 * provider adds.
 */
export function citationsOf(part: AnyPart): Citation[] {
  const { openai } = Object(part["providerMetadata"]) as { openai?: unknown };
  const { annotations } = Object(openai) as { annotations?: unknown };
  const { citations } = part;
  if (Array.isArray(citations)) return citations.flatMap((one) => cited(Object(one) as AnyPart));
  return Array.isArray(annotations) ? annotations.flatMap((one) => annotated(Object(one) as AnyPart)) : [];
}

function cited({ source, startIndex, endIndex }: AnyPart): Citation[] {
  const from = Object(source) as AnyPart;
  return citation(textIn(from, "url"), textIn(from, "title"), startIndex, endIndex);
}

function annotated(given: AnyPart): Citation[] {
  if (given.type !== "url_citation") return [];
  return citation(textIn(given, "url"), textIn(given, "title"), given["start_index"], given["end_index"]);
}

function citation(url: string, title: string, start: unknown, end: unknown): Citation[] {
  const from = typeof start === "number" ? start : 0;
  const to = typeof end === "number" ? end : from;
  return url === "" ? [] : [{ type: "url_citation", url, title, start_index: from, end_index: to }];
}
