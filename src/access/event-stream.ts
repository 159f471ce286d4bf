/** Whether a body is an event stream, whatever its status. */
export function isEventStream({ headers }: Pick<Response, "headers">): boolean {
  return /^text\/event-stream\b/i.test(headers.get("content-type") ?? "");
}

/** Whether a response is an event stream that its client reads. The body of a refusal is none. */
export function opensEventStream(response: Pick<Response, "ok" | "headers">): boolean {
  return response.ok && isEventStream(response);
}

/** One event with a JSON text, whose line ends can only be white space. */
export function sseMessage(json: string): string {
  return `event: message\ndata: ${json.replace(/[\r\n]+/g, " ")}\n\n`;
}
