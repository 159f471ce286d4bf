const hosts = "the host's own job: this package answers POST /responses only";
const details = "ours says in details[], as for every other field, which value is refused";

/** Where we differ from Microsoft's host on purpose, row by row, and why. */
export const knownDifferences: Readonly<Record<string, string>> = {
  "events of a turn, fail":
    "ours closes the open item before the response fails, so that no reader waits for its end",
  "headers of the stream": "no-transform keeps a proxy or compression() from holding events back",
  "content type of the plain response": "ours names the charset",
  "agent_reference that nobody named": "theirs writes null into the item, ours leaves the field out",
  "fields that are carried into the response":
    "ours also carries instructions and temperature, as OpenAI does",
  "model that nobody named": "an empty text is no name",
  "refusal, agent_reference of a text": details,
  "refusal, metadata with 17 pairs": details,
  "refusal, metadata with a long key": details,
  "refusal, metadata with a long value": details,
  "refusals, code and param": "ours always names the field, and says invalid_json of what is none",
  background: "a turn that outlives its request needs a store, which is the host's",
  "text/plain": "a browser sends it across origins without asking first",
  "GET /readiness": "the host's own job, one line before the middleware",
  "GET /responses/{id}": hosts,
  "GET /responses/{id}/input_items": hosts,
  "POST /responses/{id}/cancel": hosts,
  "DELETE /responses/{id}": hosts,
};
