/** Cuts a byte stream into its events, each with the bytes it came as. */
export interface EventCutter {
  /** The events that are complete with this chunk. */
  push(chunk: Uint8Array): string[];
  /** What is left without an end. */
  rest(): string;
}

/** Source: WHATWG HTML, server-sent events: an empty line ends an event. */
export function eventCutter(): EventCutter {
  const decoder = new TextDecoder();
  let pending = "";
  return {
    push(chunk) {
      pending += decoder.decode(chunk, { stream: true });
      const blocks: string[] = [];
      for (;;) {
        const end = /\r?\n\r?\n/.exec(pending);
        if (end === null) return blocks;
        blocks.push(pending.slice(0, end.index + end[0].length));
        pending = pending.slice(end.index + end[0].length);
      }
    },
    rest: () => pending,
  };
}

/** The fields of one event. */
export interface SseEvent {
  readonly event: string | undefined;
  readonly data: string;
  readonly hasId: boolean;
}

/** `undefined` for a comment. */
export function sseEvent(block: string): SseEvent | undefined {
  const fields = block.split(/\r?\n/).map((line) => /^([^:]+)(?:: ?(.*))?$/.exec(line));
  const values = (name: string): string[] =>
    fields.flatMap((field) => (field?.[1] === name ? [field[2] ?? ""] : []));
  const data = values("data");
  const event = values("event").at(-1);
  const hasId = values("id").length > 0;
  return data.length === 0 && event === undefined ? undefined : { event, data: data.join("\n"), hasId };
}
