import { answerTo, expectedShape, fill, shapeOf, type Shape, type World } from "./fill.js";
import { probes } from "./probes.js";
import { refusalRows, type RefusalRow } from "./refusals.js";
import { neededVariables, tenantWorld, variableOf, type Environment } from "./tenant-world.js";

const instructions = `npm run live compares a real tenant with the table of refusals (test/live/refusals.ts).

It needs an app registration of a test tenant that may act on behalf of users, and a consented scope of an API:
  LIVE_TENANT         the tenant's id
  LIVE_CLIENT_ID      the app's client id
  LIVE_CLIENT_SECRET  one of its secrets
  LIVE_SCOPE          the scope, for example api://<api>/mcp.read
  LIVE_USER_TOKEN     an access token of a test user whose audience is the app (most rows need it)
Rows that need more name their variables. LIVE_ORIGIN asks another cloud. Requests are refused on purpose: use
an app and users made for tests, and expect the failures in the sign-in log. Nothing of a token is printed.`;

/** Runs the table against a tenant. Returns the exit code: 0 all the same, 1 something differs, 2 not set up. */
export async function runLive(env: Environment, print: (line: string) => void): Promise<0 | 1 | 2> {
  const absent = neededVariables.filter((name) => !env[name]);
  if (absent.length > 0) {
    print(`${instructions}\n\nMissing: ${absent.join(", ")}`);
    return 2;
  }
  const world = tenantWorld(env);
  const counts = { same: 0, differs: 0, "not tried": 0 };
  for (const row of refusalRows) {
    const { verdict, detail } = await compare(row, world);
    counts[verdict] += 1;
    print(
      `${verdict.padEnd(9)}  ${row.name} (${row.confidence})${detail === "" ? "" : `\n             ${detail}`}`,
    );
  }
  print("\nOpen points");
  for (const { question, needs, ask } of probes) {
    const missing = needs.filter((name) => !env[name]);
    const answer =
      missing.length > 0 ? `not tried: set ${missing.join(", ")}` : JSON.stringify(await ask(world, env));
    print(`  ${question}\n    ${answer}`);
  }
  print(`\n${counts.same} the same, ${counts.differs} different, ${counts["not tried"]} not tried`);
  return counts.differs > 0 ? 1 : 0;
}

async function compare(
  row: RefusalRow,
  world: World,
): Promise<{ verdict: "same" | "differs" | "not tried"; detail: string }> {
  const request = await fill(row, world);
  if ("missing" in request) {
    return { verdict: "not tried", detail: `set ${request.missing.map(variableOf).join(", ")}` };
  }
  const found = shapeOf(await answerTo(row, world, request));
  const wanted = expectedShape(row);
  const differences = (Object.keys(wanted) as (keyof Shape)[])
    .filter((key) => wanted[key] !== found[key])
    .map((key) => `${key}: expected ${wanted[key]}, got ${found[key]}`);
  return { verdict: differences.length > 0 ? "differs" : "same", detail: differences.join("; ") };
}
