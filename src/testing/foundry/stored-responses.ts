import { json } from "../entra/http.js";
import type { Exchange, Handled } from "./exchange.js";
import { refused } from "./refused.js";
import type { StoredResponse } from "./store.js";
import { forWhom } from "./whom.js";

/** `GET …/responses/{id}`, with `stream=true` its events again. */
export async function getResponse(exchange: Exchange): Promise<Handled> {
  const stored = await found(exchange);
  const { searchParams } = exchange.url;
  if (searchParams.get("stream") !== "true") return json(200, stored.response);
  const { events } = stored;
  if (events === undefined) throw refused("replay_not_streamed");
  const after = searchParams.get("starting_after");
  if (after !== null && !/^\d{1,9}$/.test(after)) throw refused("starting_after_invalid");
  const wanted = events.filter(({ sequence_number: at }) => after === null || at > Number(after));
  const body = wanted.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
  const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" };
  return { status: 200, headers, body };
}

/** `DELETE …/responses/{id}` */
export async function deleteResponse(exchange: Exchange): Promise<Handled> {
  const { response } = await found(exchange);
  exchange.state.store.drop(response.id);
  return json(200, { id: response.id, object: "response", deleted: true });
}

/** `POST …/responses/{id}/cancel`: only a background response can be, and what is stored here never is one. */
export async function cancelResponse(exchange: Exchange): Promise<Handled> {
  await found(exchange);
  throw refused("cancel_synchronous");
}

/** `GET …/responses/{id}/input_items` */
export async function listInputItems(exchange: Exchange): Promise<Handled> {
  const { inputItems } = await found(exchange);
  const order = exchange.url.searchParams.get("order") === "asc" ? inputItems : [...inputItems].reverse();
  const data = order.slice(0, Number(exchange.url.searchParams.get("limit") ?? 20));
  const idOf = (item: Record<string, unknown> | undefined): unknown => item?.["id"] ?? null;
  return json(200, {
    object: "list",
    data,
    first_id: idOf(data[0]),
    last_id: idOf(data.at(-1)),
    has_more: data.length < order.length,
  });
}

/** Anybody else's response is as one that never was. */
async function found(exchange: Exchange): Promise<StoredResponse> {
  const { userId } = await forWhom(exchange);
  const id = exchange.path["id"] ?? "";
  const stored = exchange.state.store.find(id, userId);
  if (stored === undefined) throw refused("response_not_found", { id });
  return stored;
}
