import { request as httpRequest } from "node:http";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { FoundryEmulator, FoundryOptions } from "hosted-agent-identity/testing";
import { headerRules } from "../../../src/testing/foundry/headers.js";
import { startRawContainer, type RawContainer } from "./containers.js";
import { foundryWorld, type FoundryWorld } from "./world.js";

let world: FoundryWorld;
let foundry: FoundryEmulator;
let container: RawContainer;

beforeAll(async () => {
  world = await foundryWorld();
  container = await startRawContainer();
  foundry = await world.start({ agentUrl: container.url });
});
beforeEach(() => {
  container.seen.length = 0;
});
afterAll(async () => {
  await container.close();
  await world.close();
});

/** Sends exactly these headers, besides what HTTP itself needs. */
async function send(
  headers: readonly (readonly [string, string])[],
  body: Buffer = Buffer.from('{"input":"Hello"}'),
  url: string = foundry.responsesUrl,
): Promise<number> {
  const given = [
    ["authorization", `Bearer ${await world.tokenOf("Ada")}`],
    ["content-type", "application/json"],
    ["content-length", String(body.length)],
  ].filter(([name]) => !headers.some(([other]) => other.toLowerCase() === name));
  return new Promise((resolve, reject) => {
    const all = [["host", new URL(url).host], ...given, ...headers].flat();
    const sent = httpRequest(url, { method: "POST", headers: all, agent: false }, (response) => {
      response.resume();
      response.once("end", () => resolve(response.statusCode ?? 0));
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

function received(): Record<string, string[]> {
  const { rawHeaders = [] } = container.seen[0] ?? {};
  const found: Record<string, string[]> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    (found[rawHeaders[at]?.toLowerCase() ?? ""] ??= []).push(rawHeaders[at + 1] ?? "");
  }
  return found;
}

/** A header that a rule is about, and a value that HTTP allows for it. */
function exampleOf(rule: string): readonly [string, string] {
  const names: Record<string, string> = {
    "*": "x-anything-else",
    "x-agent-*": "x-agent-session-id",
    "x-client-*": "x-client-user-token",
    "x-forwarded-*": "x-forwarded-for",
  };
  const values: Record<string, string> = {
    "content-type": "application/json; charset=utf-8",
    "content-length": "17",
    "content-encoding": "identity",
    "accept-encoding": "identity",
    authorization: "",
    host: "agent.example.com",
  };
  return [names[rule] ?? rule, values[rule] ?? `value of ${rule.replace("*", "x")}`];
}

describe("the container gets the caller's headers by the contract", () => {
  test.each(headerRules)("$name is $rule", async ({ name: rule, rule: kind }) => {
    const [name, given] = exampleOf(rule);
    const value = name === "authorization" ? `Bearer ${await world.tokenOf("Ada")}` : given;
    expect(await send([[name, value]])).toBe(200);
    const values = received()[name] ?? [];
    if (kind === "forwarded" && name !== "content-length") expect(values).toEqual([value]);
    else expect(values).not.toContain(value);
    if (name === "content-length") expect(values).toHaveLength(1);
    if (kind === "replaced" && rule !== "x-agent-*") expect(values).toHaveLength(1);
  });

  test("it gets nothing that no rule names, whatever comes", async () => {
    const forwarded = headerRules.filter(({ rule }) => rule === "forwarded").map(({ name }) => name);
    const everything = [
      ...headerRules.map(({ name }) => exampleOf(name)),
      ["x-ms-user-object-id", "1"],
      ["x-aml-oid", "1"],
      ["x-agent-user-isolation-key", "1"],
      ["proxy-authorization", "1"],
      ["ocp-apim-subscription-key", "1"],
      ["api-key", "1"],
      ["forwarded", "for=1"],
      ["x-real-ip", "1"],
      ["origin", "https://example.com"],
      ["referer", "https://example.com"],
    ] as const;
    const wanted = everything.filter(([name]) => name !== "authorization" && name !== "host");
    expect(await send(wanted)).toBe(200);
    const allowed = [...forwarded, "x-agent-user-id", "x-agent-foundry-call-id", "host", "connection"];
    const unexpected = Object.keys(received()).filter(
      (name) => !allowed.includes(name) && !name.startsWith("x-client-"),
    );
    expect(unexpected).toEqual([]);
  });

  test("a repeated header stays repeated", async () => {
    await send([
      ["x-client-flag", "one"],
      ["x-client-flag", "two"],
    ]);
    expect(received()["x-client-flag"]).toEqual(["one", "two"]);
  });

  test("the host is the container's own, and nothing of the caller's", async () => {
    await send([]);
    expect(received()["host"]).toEqual([new URL(container.url).host]);
  });

  test("an encoded body stays encoded, with the session added", async () => {
    const body = gzipSync('{"input":"Hello"}');
    expect(await send([["content-encoding", "gzip"]], body)).toBe(200);
    const told = JSON.parse(gunzipSync(container.seen[0]?.body ?? "").toString("utf8"));
    expect(told).toEqual({ input: "Hello", agent_session_id: expect.stringMatching(/^[0-9a-f]{63}$/) });
  });

  test("an invocation gets the same headers, and its body as it is", async () => {
    const body = Buffer.from('{"anything": [1, 2]}');
    expect(await send([["x-client-theme", "dark"]], body, foundry.invocationsUrl)).toBe(200);
    expect(container.seen[0]).toMatchObject({ path: "/invocations", body });
    expect(received()).toMatchObject({
      "x-client-theme": ["dark"],
      "x-agent-user-id": [foundry.userId({ name: "Ada" })],
      "x-agent-foundry-call-id": [expect.any(String)],
    });
  });
});

describe("a container in the same process gets the same", () => {
  test("as one on a socket", async () => {
    const seen: Record<string, string>[] = [];
    const agent: NonNullable<FoundryOptions["agent"]> = (request) => {
      if (new URL(request.url).pathname === "/readiness") return new Response("", { status: 200 });
      seen.push(Object.fromEntries(request.headers));
      return Response.json({ ok: true });
    };
    const inProcess = await world.start({ agent });
    const url = inProcess.invocationsUrl;
    expect(
      await send(
        [
          ["cookie", "a=b"],
          ["x-client-theme", "dark"],
        ],
        undefined,
        url,
      ),
    ).toBe(200);
    expect(seen[0]).toMatchObject({ "x-client-theme": "dark", "content-length": "17" });
    expect(Object.keys(seen[0] ?? {}).sort()).toEqual([
      "content-length",
      "content-type",
      "x-agent-foundry-call-id",
      "x-agent-user-id",
      "x-client-theme",
    ]);
  });
});

test("the probe of readiness carries no identity", async () => {
  const probed = await startRawContainer();
  const fresh = await world.start({ agentUrl: probed.url });
  await send([], undefined, fresh.responsesUrl);
  expect(probed.probes).toHaveLength(1);
  const names = (probed.probes[0] ?? []).filter((_value, at) => at % 2 === 0);
  expect(names.map((name) => name.toLowerCase()).sort()).toEqual(["connection", "host"]);
  await probed.close();
});
