import { describe, expect, it } from "vitest";
import { urlMatch, urlNotAllowed } from "../../src/access/url-match.js";

const matches = urlMatch("https://mcp.example.com/mcp");

describe("where a resource's token may go", () => {
  it.each([
    "https://mcp.example.com/mcp",
    "https://mcp.example.com/mcp/",
    "https://mcp.example.com/mcp/tools",
    "https://mcp.example.com/mcp?cursor=1",
    "https://MCP.example.com:443/mcp",
  ])("sends it to %s", (url) => expect(matches(url)).toBe(true));

  it.each([
    "https://mcp.example.com/mcp-evil",
    "https://mcp.example.com/",
    "https://mcp.example.com/MCP",
    "http://mcp.example.com/mcp",
    "https://mcp.example.com:8443/mcp",
    "https://evil.example.com/mcp",
    "https://mcp.example.com.evil.example/mcp",
    "https://user@mcp.example.com/mcp",
    "https://user:pass@mcp.example.com/mcp",
    "https://mcp.example.com/mcp/../admin",
    "https://mcp.example.com/mcp/%2e%2e/admin",
    "https://mcp.example.com/mcp/..%2fadmin",
    "https://mcp.example.com/mcp%2f..%2fadmin",
    "https://mcp.example.com/mcp\\..\\admin",
    "https://mcp.example.com/mcp/%5c..",
    "https://mcp.example.com/mc\tp",
    " https://mcp.example.com/mcp",
    "//mcp.example.com/mcp",
    "/mcp",
    "",
  ])("keeps it from %s", (url) => expect(matches(url)).toBe(false));

  it("treats a root resource as the whole origin and nothing else", () => {
    const root = urlMatch("https://mcp.example.com/");
    expect(root("https://mcp.example.com/anything")).toBe(true);
    expect(root("https://mcp.example.com.evil.example/")).toBe(false);
  });

  it("takes URL objects, whose encoded slashes survive parsing", () => {
    expect(matches(new URL("https://mcp.example.com/mcp"))).toBe(true);
    expect(matches(new URL("https://mcp.example.com/mcp/..%2fadmin"))).toBe(false);
  });
});

it("sends it to no URL that is longer than a server takes, and reads no such URL", () => {
  const path = "https://mcp.example.com/mcp/";
  expect(matches(path + "a".repeat(16_000))).toBe(true);
  expect(matches(path + "a".repeat(17_000))).toBe(false);
  const host = `https://${"녉pl".repeat(400_000)}/`;
  expect(matches(host)).toBe(false);
  expect(urlNotAllowed(host, path).message).toContain("an unreadable URL");
});
