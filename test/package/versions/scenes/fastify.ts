import fastify from "fastify";
import { responses, userContext, webHandler } from "hosted-agent-identity/fastify";
import { expectThat } from "../../expect-that.js";
import { playAgent } from "./agent.js";

await playAgent(async ({ verify, run }) => {
  const app = fastify();
  await app.register(
    webHandler(async (request) => new Response(await request.text(), { status: 201 })),
    {
      prefix: "/pages",
    },
  );
  await app.register(async (behind) => {
    await behind.register(userContext({ verify, require: true }));
    behind.post("/responses", responses(run));
  });
  const origin = await app.listen({ port: 0, host: "127.0.0.1" });
  const page = await fetch(`${origin}/pages/form`, { method: "POST", body: new URLSearchParams({ a: "b" }) });
  expectThat(page.status === 201 && (await page.text()) === "a=b", "webHandler() does not serve a form");
  return { urls: [`${origin}/responses`], close: () => app.close() };
});
process.exit();
