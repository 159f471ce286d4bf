import { createServer } from "node:http";
import { runningTurns } from "hosted-agent-identity";
import { responses, userContext } from "hosted-agent-identity/node";
import { nobodyKnown } from "../support/responses-hosts.js";

/** What it is started with. */
export interface DrainingAgent {
  /** How long its turns may go on, in milliseconds. */
  readonly DRAIN_MS: string;
}

/** An agent in a process of its own that takes SIGTERM as a container has to. Its run ends when it is told to. */
const timeoutMs = Number(process.env["DRAIN_MS" satisfies keyof DrainingAgent]);
const turns = runningTurns();
let finish = (): void => {};
const finished = new Promise<void>((done) => {
  finish = done;
});

const handle = responses(
  async function* () {
    yield "first";
    await finished;
    yield ", second";
  },
  { turns },
);
const asUser = userContext(nobodyKnown);

const server = createServer((request, response) => {
  if (request.url === "/readiness") response.writeHead(turns.draining ? 503 : 200).end();
  else if (request.url === "/finish") response.end(finish());
  else asUser(request, response, () => void handle(request, response));
});
server.listen(0, "127.0.0.1", () => {
  console.log(`ready on ${(server.address() as { port: number }).port}`);
});

process.once("SIGTERM", () => {
  void turns.drain({ timeoutMs }).then(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
});
