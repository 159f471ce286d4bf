/** Sends a question and hands on what comes back: an async iterable of the back end's events. */
export async function* ask(input, previousResponseId) {
  const response = await fetch("/api/chat", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input, previousResponseId }),
  });
  if (response.status === 401) return yield { type: "sign_in" };
  if (!response.ok) return yield { type: "error", message: `The back end answered ${response.status}.` };
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield JSON.parse(block.slice("data: ".length));
  }
}
