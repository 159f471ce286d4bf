import { createServer } from "node:http";
import compression from "compression";
import express from "express";
import { afterEach, expect, it } from "vitest";
import { responses, userContext } from "hosted-agent-identity/express";
import { gate } from "../support/consenting-access.js";
import { listening, type RunningHost } from "../support/listening.js";

let host: RunningHost | undefined;
afterEach(() => host?.close());

it("compression() in front of a stream holds no event back", async () => {
  const go = gate();
  const app = express();
  app.use(compression({ threshold: 0 }));
  app.get("/large", (_req, res) => void res.json("x".repeat(5_000)));
  app.post(
    "/responses",
    userContext({ verify: "none" }),
    responses(async function* () {
      yield "first";
      await go.promise;
      yield "second";
    }),
  );
  host = await listening(createServer(app));
  // It does compress what it may.
  expect((await fetch(`${host.url}/large`)).headers.get("content-encoding")).toMatch(/^(gzip|br)$/);
  const answer = await fetch(`${host.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ input: "x", stream: true }),
  });
  expect(answer.headers.get("content-encoding")).toBeNull();
  let text = "";
  // The run goes on only when its first words have come.
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    if (text.includes('"first"')) go.open();
  }
  expect(text).toContain("event: response.completed");
});
