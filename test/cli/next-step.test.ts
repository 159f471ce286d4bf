import { describe, expect, it } from "vitest";
import { nextStep } from "../../src/cli/doctor/doctor.js";
import type { WayFound } from "../../src/cli/doctor/ways.js";
import type { Finding } from "../../src/cli/finding.js";
import { inProcess } from "../support/command-line.js";

const ok: Finding = { check: "environment", status: "ok", detail: "set: MCP_URL" };
const noTenant: Finding = { check: "tenant", status: "fail", detail: "no such tenant", fix: "Check it." };
const noSecret: Finding = { check: "credential", status: "fail", detail: "refused", fix: "Make a new one." };
const warned: Finding = {
  check: "mcp_server",
  status: "warn",
  detail: "a redirect",
  fix: "Set the last URL.",
};
const noFix: Finding = { check: "toolbox", status: "fail", detail: "ECONNREFUSED" };
const way = (name: WayFound["way"], status: WayFound["status"]): WayFound => ({
  way: name,
  status,
  detail: "",
  serves: "",
});

describe("doctor ends with one next step", () => {
  it.each([
    ["what failed first", [ok, noTenant, noSecret, warned], [], false, "tenant: Check it."],
    ["a failure before a warning", [warned, noSecret], [], false, "credential: Make a new one."],
    ["what failed, where nobody knows a fix", [ok, noFix], [], false, "toolbox: ECONNREFUSED"],
    ["a warning", [ok, warned], [way("on_behalf_of", "possible")], false, "mcp server: Set the last URL."],
    ["nothing", [ok], [way("on_behalf_of", "works")], true, "Nothing left to do here: on_behalf_of works"],
    ["a user token to try", [ok], [way("on_behalf_of", "possible")], false, "doctor --token-file"],
    ["the agent itself", [ok], [way("toolbox", "possible")], false, "toolbox can be tried only there"],
    ["a way to set up", [ok], [way("developer", "possible")], false, "Set up one of the ways"],
  ] as const)("%s", (_, findings, ways, token, expected) => {
    expect(nextStep({ findings, ways, token })).toContain(expected);
  });

  it("on the last line, and in what it prints for programs", async () => {
    const [text, json] = await Promise.all([inProcess(["doctor"]), inProcess(["doctor", "--json"])]);
    const lines = text.out.trimEnd().split("\n");
    expect(lines.filter((line) => line.startsWith("next:"))).toEqual([lines.at(-1)]);
    const { next } = JSON.parse(json.out) as { next: string };
    expect(lines.at(-1)).toBe(`next: ${next}`);
    expect(next).toContain("hosted-agent-identity doctor --help");
  });

  it("and says what is not set as people say it", async () => {
    const none = await inProcess(["doctor"]);
    const one = await inProcess(["doctor", "--client-id", "11111111-1111-4111-8111-111111111111"]);
    expect(none.out).toMatch(/AZURE_TENANT_ID and [A-Z_]+ are not set\.\n +fix: Set .* to the GUIDs that/);
    expect(one.out).toMatch(/AZURE_TENANT_ID is not set\.\n +fix: Set AZURE_TENANT_ID to the GUID that/);
  });
});
