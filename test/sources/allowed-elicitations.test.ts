import { protectedResource } from "hosted-agent-identity";
import { describe, expect, it } from "vitest";

function allowing(...allowedLinks: readonly string[]) {
  return protectedResource({
    url: "https://mcp.example.com/mcp",
    serverLabel: "contacts",
    scopes: ["api://contacts/read"],
    audiences: ["api://contacts"],
    elicitation: { allowedLinks },
  });
}

describe("the pages that a server may ask users to open", () => {
  it.each([
    "https://gateway.example/connect/",
    "https://gateway.example",
    "https://github.com/login/oauth/",
    "https://bedrock-agentcore.us-east-1.amazonaws.com/identities/oauth2/",
    "http://localhost:8080/connect",
  ])("may be %s", (link) => {
    expect(allowing(link).elicitation?.allowedLinks).toEqual([new URL(link).href]);
  });

  it.each([
    ["an origin of everybody's", "https://github.com"],
    ["one with its slash", "https://github.com/"],
    ["one with a final dot", "https://github.com./"],
    ["one in capital letters", "https://GitHub.com"],
    ["one with a port", "https://github.com:8443"],
    ["a login host", "https://login.microsoftonline.com"],
    ["a login host of a national cloud", "https://login.microsoftonline.us/"],
    ["a host of a cloud", "https://bedrock-agentcore.us-east-1.amazonaws.com"],
    ["Google's", "https://accounts.google.com"],
    ["http", "http://gateway.example/connect/"],
    ["a user name", "https://ada@gateway.example/connect/"],
    ["a query", "https://gateway.example/connect/?x=1"],
    ["a fragment", "https://gateway.example/connect/#x"],
    ["an encoded slash", "https://gateway.example/connect%2fx/"],
    ["another scheme", "javascript:alert(1)"],
    ["no URL", "gateway.example"],
  ])("may not be %s", (_what, link) => {
    expect(() => allowing(link)).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });

  it("are at least one", () => {
    expect(() => allowing()).toThrow(expect.objectContaining({ code: "invalid_option" }));
  });

  it("says why the origin of a host that serves everybody is refused", () => {
    expect(() => allowing("https://github.com")).toThrow(/serves everybody/);
  });

  it("are absent where none are given", () => {
    const resource = protectedResource({
      url: "https://mcp.example.com/mcp",
      serverLabel: "contacts",
      scopes: ["api://contacts/read"],
      audiences: ["api://contacts"],
    });
    expect(resource).not.toHaveProperty("elicitation");
  });
});
