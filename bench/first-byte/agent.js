// An agent in a process of its own, on `node:http`: with us, or by hand. It is ready when it says its port.
import { createServer } from "node:http";
import { setImmediate } from "node:timers/promises";

const { route, jwks, agentApp, tenant } = JSON.parse(process.argv[2]);
const texts = ["Your ", "next ", "free ", "day ", "is ", "Friday."];

const handler = route === "ours" ? await ours() : bare;
const server = createServer(handler);
server.keepAliveTimeout = 0;
process.on("disconnect", () => process.exit());
server.listen(0, "127.0.0.1", () => process.send(server.address().port));

async function ours() {
  const { clientSecret, entraApp, userTokenVerifier } = await import("hosted-agent-identity");
  const { responses, userContext } = await import("hosted-agent-identity/node");
  const app = entraApp({ tenantId: tenant, clientId: agentApp, credential: clientSecret("bench-secret") });
  const verify = userTokenVerifier({ app, fetch: async () => Response.json(jwks) });
  await app.ready();
  const asUser = userContext({ verify, require: true });
  const answer = responses(run);
  return (request, response) => asUser(request, response, () => answer(request, response));
}

/** The same events, by hand: what a developer writes who knows the protocol and needs no person. */
async function bare(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { model, stream, input } = JSON.parse(Buffer.concat(chunks).toString());
  if (stream !== true || typeof input !== "string") return void response.writeHead(400).end();
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
  });
  let sequence_number = 0;
  const send = (event) =>
    void response.write(
      `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: sequence_number++ })}\n\n`,
    );
  const id = `resp_${crypto.randomUUID()}`;
  const item_id = `msg_${crypto.randomUUID()}`;
  const created_at = Math.floor(Date.now() / 1000);
  const stateOf = (status, output) => ({
    id,
    object: "response",
    created_at,
    status,
    completed_at: status === "completed" ? Math.floor(Date.now() / 1000) : null,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
  });
  const place = { item_id, output_index: 0, content_index: 0 };
  const item = { type: "message", id: item_id, role: "assistant" };
  send({ type: "response.created", response: stateOf("in_progress", []) });
  send({ type: "response.in_progress", response: stateOf("in_progress", []) });
  send({
    type: "response.output_item.added",
    output_index: 0,
    item: { ...item, status: "in_progress", content: [] },
  });
  const empty = { type: "output_text", text: "", annotations: [], logprobs: [] };
  send({ type: "response.content_part.added", ...place, part: empty });
  let text = "";
  for await (const delta of run()) {
    text += delta;
    send({ type: "response.output_text.delta", ...place, delta, logprobs: [] });
  }
  const part = { ...empty, text };
  const whole = { ...item, status: "completed", content: [part] };
  send({ type: "response.output_text.done", ...place, text, logprobs: [] });
  send({ type: "response.content_part.done", ...place, part });
  send({ type: "response.output_item.done", output_index: 0, item: whole });
  send({ type: "response.completed", response: stateOf("completed", [whole]) });
  response.end();
}

/** The run of both. Texts of a model come from a network, never within the step that asks for them. */
async function* run() {
  for (const text of texts) {
    await setImmediate();
    yield text;
  }
}
