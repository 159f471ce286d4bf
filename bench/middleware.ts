import { requireBearerAuth } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { userContext } from "hosted-agent-identity/express";
import { host, hostTimes, joseVerifier, measureHosts, type HostRounds } from "./bearer-hosts.js";
import { agentApp } from "./people.js";
import { issuer } from "./signed-tokens.js";
import { median } from "./statistics.js";
import type { Row } from "./table.js";
import { verifier } from "./verify.js";

type Name = "ours" | "requireBearerAuth" | "bare";

/**
 * A whole request to an Express app on loopback, beside the same app behind the MCP SDK's `requireBearerAuth`
 * with jose. Two ways: each request with a token not seen before, and with one that came before.
 */
export async function middleware(): Promise<readonly Row[]> {
  const signer = issuer();
  const ours = userContext({ verify: verifier(signer), require: true });
  const hosts = {
    ours: await host({ header: "x-client-user-token", handlers: [ours] }),
    requireBearerAuth: await host({
      handlers: [requireBearerAuth({ verifier: joseVerifier(signer, agentApp) })],
    }),
    bare: await host({ handlers: [] }),
  };
  const token = (number: number): string => signer.token(number);
  const again = await measureHosts(hosts, "again", token);
  const first = await measureHosts(hosts, "first", token);
  for (const one of Object.values(hosts)) one.close();
  const over = hostTimes(first, "ours", "requireBearerAuth");
  return [
    row("again (remembered)", again),
    row("first time", first),
    {
      what: "Express middleware, whole request p50, first time, over requireBearerAuth",
      unit: "times",
      budget: 1.3,
      goal: 1.1,
      ours: over.wall,
      note: over.costs,
    },
    {
      what: "Express middleware, cpu of a whole request, first time, over requireBearerAuth",
      unit: "times",
      budget: 1.3,
      goal: 1.1,
      ours: over.cpu,
    },
    {
      what: "Express middleware, added to a bare request, again (remembered)",
      unit: "ms",
      budget: 0.15,
      ours: median(again.wall.ours) - median(again.wall.bare),
      bearerAuth: median(again.wall.requireBearerAuth) - median(again.wall.bare),
    },
  ];
}

function row(which: string, { wall }: HostRounds<Name>): Row {
  return {
    what: `Express middleware, whole request p50, ${which}`,
    unit: "ms",
    budget: 2,
    ours: median(wall.ours),
    bearerAuth: median(wall.requireBearerAuth),
    note: `without any middleware ${median(wall.bare).toPrecision(3)} ms.`,
  };
}
