import { describe, expect, it } from "vitest";
import { urlMatch, urlNotAllowed } from "../../src/access/url-match.js";

const match = urlMatch("https://mcp.example.com/mcp");
const matches = (url: string): boolean => match(url) !== undefined;

describe("where a resource's token may go", () => {
  it.each([
    "https://mcp.example.com/mcp",
    "https://mcp.example.com/mcp/",
    "https://mcp.example.com/mcp/tools",
    "https://mcp.example.com/mcp?cursor=1",
    "https://MCP.example.com:443/mcp",
    "https://mcp.example.com/mcp/my%20file.txt",
    "https://mcp.example.com/mcp/100%25",
    "https://mcp.example.com/mcp/a%2541",
    "https://mcp.example.com/mcp/.well-known/x",
    "https://mcp.example.com/mcp/%C3%A4/\u00c0",
    "https://mcp.example.com/mcp/a;v=1/b..c/..d",
    "https://mcp.example.com/mcp?path=../%2e%2e%252e",
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
    "https://mcp.example.com/mcp/%252e%252e/admin",
    "https://mcp.example.com/mcp/%25252e%25252e/admin",
    "https://mcp.example.com/mcp/%2%65%2%65/admin",
    "https://mcp.example.com/mcp/%25%32%65./admin",
    "https://mcp.example.com/mcp/..%252fadmin",
    "https://mcp.example.com/mcp/%255c../admin",
    "https://mcp.example.com/mcp/..;/admin",
    "https://mcp.example.com/mcp/..;x=1/admin",
    "https://mcp.example.com/mcp/.;/admin",
    "https://mcp.example.com/mcp/..%3b/admin",
    "https://mcp.example.com/mcp/..%253bx/admin",
    "https://mcp.example.com/mcp/..;",
    "https://mcp.example.com/mcp/..%3f/admin",
    "https://mcp.example.com/mcp/..%23/admin",
    "https://mcp.example.com/mcp/..%20/admin",
    "https://mcp.example.com/mcp/%20../admin",
    "https://mcp.example.com/mcp/.../admin",
    "https://mcp.example.com/mcp/.%09./admin",
    "https://mcp.example.com/mcp/.%2509./admin",
    "https://mcp.example.com/mcp/..%00/admin",
    "https://mcp.example.com/mcp/%c0%ae%c0%ae/admin",
    "https://mcp.example.com/mcp/%25c0%25ae/admin",
    `https://mcp.example.com/mcp/%${"25".repeat(50)}41`,
    "https://mcp.example.com/mc\tp",
    " https://mcp.example.com/mcp",
    "//mcp.example.com/mcp",
    "/mcp",
    "",
  ])("keeps it from %s", (url) => expect(matches(url)).toBe(false));

  it("treats a root resource as the whole origin and nothing else", () => {
    const root = urlMatch("https://mcp.example.com/");
    expect(root("https://mcp.example.com/anything")).toBe("https://mcp.example.com/anything");
    expect(root("https://mcp.example.com.evil.example/")).toBeUndefined();
  });

  it("gives the URL as it is sent, however it was written", () => {
    expect(match("https://mcp.example.com/mcp")).toBe("https://mcp.example.com/mcp");
    expect(match("HTTPS://MCP.example.com:443/mcp/a b".replace(" ", "%20"))).toBe(
      "https://mcp.example.com/mcp/a%20b",
    );
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
