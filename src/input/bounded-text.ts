/** The text of a body of at most `maxBytes` bytes; `undefined` for a longer one, of which no more is read. */
export async function boundedText(
  message: Pick<Request | Response, "body">,
  maxBytes: number,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of message.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return undefined;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
