import { emit, type OnEvent } from "../../events/events.js";

/** How a framework's stream is read. */
export interface StreamOptions {
  /** Told once of each kind of part that the Responses protocol has no place for (`stream_part_skipped`). */
  readonly onEvent?: OnEvent;
}

/** Tells of each kind of part once: a stream may have thousands of one. */
export function skippedParts(
  framework: "ai-sdk" | "openai-agents",
  { onEvent }: StreamOptions,
): (part: string) => void {
  const told = new Set<string>();
  return (given) => {
    const part = given.slice(0, 64);
    if (told.has(part)) return;
    told.add(part);
    emit(onEvent, { type: "stream_part_skipped", framework, part });
  };
}
