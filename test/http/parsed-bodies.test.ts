import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { webAnswer, type NodeRequest } from "../../src/http/web-handler.js";

/** A request whose body a parser in front has read. */
async function received(body: unknown): Promise<NodeRequest> {
  const stream = Readable.from([]);
  for await (const piece of stream) void piece;
  const rawHeaders = ["content-type", "application/x-www-form-urlencoded"];
  return Object.assign(stream, { method: "POST", url: "/", rawHeaders, headers: {}, body }) as never;
}

const echo = async (request: Request): Promise<Response> => new Response(await request.text());

it.each([
  [{ a: "b c", d: ["e", "f"] }, "a=b+c&d=e&d=f"],
  [{ a: { toString: 1 }, b: "c" }, "b=c"],
  [{ a: null, b: [{}, "c"] }, "b=c"],
  ["a=b", "a=b"],
])("a form that was parsed as %j is given to the handler as %s", async (body, text) => {
  const answer = await webAnswer(echo, await received(body));
  expect(await answer?.text()).toBe(text);
});
