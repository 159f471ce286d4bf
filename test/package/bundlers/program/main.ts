/** The routes of the program on Node's own server, for the bundlers that have none. */
import { createServer } from "node:http";
import { webHandler } from "hosted-agent-identity/node";
import { developerToken, mcp, respond } from "./agent.js";

const routes: Readonly<Record<string, (request: Request) => Promise<Response>>> = {
  "/responses": respond,
  "/mcp": mcp,
  "/developer": developerToken,
};

createServer((request, response) => {
  const handle = routes[request.url ?? ""] ?? (async () => new Response(null, { status: 404 }));
  void webHandler(handle)(request, response);
}).listen(Number(process.env["PORT"]), "127.0.0.1");
