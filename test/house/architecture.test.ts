import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { promisify } from "node:util";
import { startEntra, type EntraEmulator } from "hosted-agent-identity/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compiled } from "../support/compiled.js";
import { listening, type RunningHost } from "../support/listening.js";
import { root } from "./tree.js";
import type { Walk, WalkSetting } from "./walk.js";

const page = readFileSync(join(root, "docs/architecture.md"), "utf8");

/** No request enters more files than these; lower them when one enters fewer. */
const ceilings = { cached: 41, exchange: 55, consent: 69 };

let entra: EntraEmulator;
let mcp: RunningHost;
let walk: Walk;

beforeAll(async () => {
  entra = await startEntra({
    apps: [
      { name: "agent", scopes: ["chat"], secrets: ["agent-secret"] },
      { name: "contacts", scopes: ["read"] },
    ],
    users: [{ name: "Ada" }],
  });
  const consent = { user: "Ada", client: "agent", resource: "contacts" };
  mcp = await listening(
    createServer((request, response) => {
      if (request.url === "/consent") entra.grantConsent({ ...consent, scopes: ["read"] });
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: [] } }));
    }),
  );
  const [identifier = ""] = entra.app("contacts").identifierUris;
  const setting: WalkSetting = {
    cloud: entra.cloud,
    tenantId: entra.tenants[0]?.id ?? "",
    clientId: entra.app("agent").clientId,
    userToken: await entra.issueUserToken({ user: "Ada", app: "agent" }),
    mcpUrl: `${mcp.url}/mcp`,
    scope: `${identifier}/read`,
    audience: entra.app("contacts").clientId,
    consentUrl: `${mcp.url}/consent`,
  };
  const env = { ...process.env, WALK: JSON.stringify(setting) };
  const { stdout } = await promisify(execFile)(process.execPath, [compiled("test/house/walk.ts")], { env });
  walk = JSON.parse(stdout) as Walk;
});
afterAll(async () => {
  await mcp.close();
  await entra.close();
});

describe("one request, as docs/architecture.md draws it", () => {
  it("asks for consent, exchanges, and takes the token out of the cache", () => {
    expect(walk.consent.answer).toContain("oauth_consent_request");
    expect(walk.exchange.answer).toContain("response.completed");
    expect(walk.cached.answer).toContain("response.completed");
  });

  it.each(["cached", "exchange", "consent"] as const)(
    "enters no file that is not on the page: %s",
    (step) => {
      const named = namedIn(step);
      expect(walk[step].files.filter((file) => !named.has(file))).toEqual([]);
      expect(walk[step].files.length).toBeLessThanOrEqual(ceilings[step]);
    },
  );
});

it("the page names no file that none of the three enters", () => {
  const entered = new Set([walk.cached, walk.exchange, walk.consent].flatMap(({ files }) => files));
  expect([...namedIn("consent")].filter((file) => !entered.has(file))).toEqual([]);
});

it("every file that the page names is there", () => {
  const links = [...page.matchAll(/\]\(\.\.\/([^)#]+)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(60);
  expect(links.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

/** The files in the table of a walk: those of the cached one are on the way of the others, too. */
function namedIn(step: keyof typeof ceilings): ReadonlySet<string> {
  const tables = {
    cached: ["cached"],
    exchange: ["cached", "exchange"],
    consent: ["cached", "exchange", "consent"],
  };
  return new Set(
    tables[step].flatMap((table) => {
      const [, text = ""] = page.split(`<!-- walk: ${table} -->`);
      const [rows = ""] = text.split("<!-- end of walk -->");
      return [...rows.matchAll(/\]\(\.\.\/(src\/[^)#]+\.c?[jt]s)\)/g)].map(([, path = ""]) => path);
    }),
  );
}
