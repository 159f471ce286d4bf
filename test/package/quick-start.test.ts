import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  itemTypes,
  plainSdkQuickStart,
  quickStartBlock,
  quickStartPeers,
  startQuickStartWorld,
  type QuickStartWorld,
} from "../support/quick-start.js";
import { modelFailures } from "../support/model-failures.js";
import { installTarball, runNode, type InstalledPackage } from "../support/tarball.js";

const tsx = fileURLToPath(new URL("../../node_modules/tsx/dist/cli.mjs", import.meta.url));
let installed: InstalledPackage;
let world: QuickStartWorld;

beforeAll(async () => {
  installed = await installTarball(quickStartPeers);
}, 120_000);
afterAll(() => installed.remove());

beforeEach(async () => {
  world = await startQuickStartWorld();
});
afterEach(() => world.close());

async function start(code: string): Promise<string> {
  await writeFile(join(installed.folder, "package.json"), '{ "type": "module" }');
  await writeFile(join(installed.folder, "agent.ts"), code);
  return world.start(installed.folder, [tsx, "agent.ts"]);
}

describe.each([
  ["the quick start with Express and the AI SDK", () => quickStartBlock("quick-start.ts"), true],
  ["the quick start with the plain MCP SDK", plainSdkQuickStart, false],
])("%s, from the tarball in an empty folder", (_name, code, usesModel) => {
  it("asks for consent, then answers each person as that person", async () => {
    const { entra, contacts, model } = world;
    await start(code());
    const refused = await world.ask("Ada");
    expect(refused.body).toMatchObject({ status: "incomplete" });
    expect(itemTypes(refused.body)).toContain("oauth_consent_request");
    expect(contacts.verified).toEqual([]);

    for (const user of ["Ada", "Grace"]) {
      entra.grantConsent({ user, client: "agent", resource: "mcp", scopes: ["access_as_user"] });
      const answered = await world.ask(user);
      expect(answered.body).toMatchObject({ status: "completed" });
      expect(answered.text).toContain(entra.user(user).oid);
      expect(contacts.verified.at(-1)?.oid).toBe(entra.user(user).oid);
    }
    expect(model.requests.length > 0).toBe(usesModel);
    expect(model.requests.map(({ raw }) => raw).join("")).not.toContain("authorize");
  }, 60_000);

  it("answers 401 without a user token", async () => {
    const origin = await start(code());
    const response = await fetch(`${origin}/responses`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer/);
  }, 60_000);
});

it("the quick start with Express and the AI SDK shows what its tools did, and fails where the model does", async () => {
  const { entra, model } = world;
  await start(quickStartBlock("quick-start.ts"));
  entra.grantConsent({ user: "Ada", client: "agent", resource: "mcp", scopes: ["access_as_user"] });
  const answered = await world.ask("Ada");
  expect(itemTypes(answered.body)).toEqual(["function_call", "function_call_output", "message"]);
  for (const failure of modelFailures) {
    model.fail(failure);
    const [plain, streamed] = await Promise.all([world.ask("Ada"), world.ask("Ada", { stream: true })]);
    expect([failure, plain.body["status"]]).toEqual([failure, "failed"]);
    expect(streamed.text).toMatch(/"type":"response\.failed".*\n\n$/);
  }
}, 60_000);

it("the first call without a tenant is seen as the person", async () => {
  await writeFile(join(installed.folder, "package.json"), "{}");
  await writeFile(join(installed.folder, "first-call.mjs"), quickStartBlock("first-call.mjs"));
  expect(await runNode(installed.folder, ["first-call.mjs"])).toMatch(/"name":"Ada","tool":"whoami"/);
}, 60_000);

it.each([
  ["first-call.mjs", 25],
  ["quick-start.ts", 30],
  ["quick-start-mcp-sdk.ts", 30],
])("%s has at most %d lines", (file, most) =>
  expect(quickStartBlock(file).trimEnd().split("\n").length).toBeLessThanOrEqual(most),
);
