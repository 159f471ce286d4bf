/** Whether a body can be sent a second time: a stream is gone once it has been read. */
export function canSendAgain(body: RequestInit["body"]): boolean {
  return (
    !(body instanceof ReadableStream) &&
    !(typeof body === "object" && body !== null && Symbol.asyncIterator in body)
  );
}
