import { Hono } from "hono";
import { responses, userContext } from "hosted-agent-identity/hono";
import { playAgent } from "./agent.js";

await playAgent(async ({ verify, run }) => {
  const app = new Hono();
  app.use(userContext({ verify, require: true }));
  app.post("/responses", responses(run));
  return {
    urls: ["http://agent.test/responses"],
    fetch: async (url, init) => app.request(String(url), init),
    close: () => undefined,
  };
});
process.exit();
