import type { AddressInfo } from "node:net";
import express from "express";
import { responses, userContext, webHandler } from "hosted-agent-identity/express";
import { expectThat } from "../../expect-that.js";
import { playAgent } from "./agent.js";

await playAgent(async ({ verify, run }) => {
  const app = express();
  app.use(
    "/pages",
    webHandler(async (request) => new Response(await request.text(), { status: 201 })),
  );
  app.use(userContext({ verify, require: true }));
  app.post("/responses", responses(run));
  app.use("/parsed", express.json());
  app.post("/parsed/responses", responses(run));
  const server = app.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const page = await fetch(`${origin}/pages/form`, { method: "POST", body: new URLSearchParams({ a: "b" }) });
  expectThat(page.status === 201 && (await page.text()) === "a=b", "webHandler() does not serve a form");
  return {
    urls: [`${origin}/responses`, `${origin}/parsed/responses`],
    close: () => server.close(),
  };
});
process.exit();
