import { describe, expect, it } from "vitest";
import { toolboxConsent, toolboxFailures } from "../../src/foundry/toolbox-consent.js";

const link = "https://logic-x.consent.azure-apihub.net/login?data=abc";
const entry = (code: string, message: string, type = "mcp", name: unknown = "github") => ({
  name,
  type,
  error: { code, message },
});
const read = (message: unknown, code: unknown = -32006) => toolboxConsent({ code, message }, "toolbox");
const listing = (...errors: unknown[]) => `Failed to enumerate tools. ${JSON.stringify({ errors })}`;

describe("a toolbox's consent error", () => {
  it("of a listing names each source and its link", () => {
    expect(
      read(listing(entry("CONSENT_REQUIRED", link), entry("CONSENT_REQUIRED", `${link}2`, "mcp", "jira"))),
    ).toEqual([
      { link, serverLabel: "github" },
      { link: `${link}2`, serverLabel: "jira" },
    ]);
  });

  it("is known by its code, not by the type of its source", () => {
    expect(read(listing(entry("CONSENT_REQUIRED", link, "a2a_preview")))).toHaveLength(1);
    expect(read(listing(entry("CONSENT_REQUIRED", link, "whatever comes next")))).toHaveLength(1);
  });

  it("of a call is the link itself, or prose with it", () => {
    for (const message of [
      link,
      `User consent is required. Please visit: ${link}`,
      `MCP error -32006: Open ${link}.`,
    ]) {
      expect(read(message)).toEqual([{ link, serverLabel: "toolbox" }]);
    }
  });

  it("takes what ends a sentence off a link, however much of it there is", () => {
    for (const end of [".", ".)", "?!", ".".repeat(60_000)]) {
      expect(read(`Please visit ${link}${end}`)).toEqual([{ link, serverLabel: "toolbox" }]);
      expect(read(`Please visit ${link}${end}x`)).toEqual([
        { link: `${link}${end}x`, serverLabel: "toolbox" },
      ]);
    }
  });

  it("mixed with another failure is a failure: consent would not end it", () => {
    expect(read(listing(entry("CONSENT_REQUIRED", link), entry("CONNECTION_FAILED", "down")))).toEqual([]);
  });

  it.each([
    ["another code", link, -32007],
    ["the code as text", link, "-32006"],
    ["no link", "Consent is required.", -32006],
    ["two links", `${link} or https://evil.example/`, -32006],
    ["a link that is not http", "javascript:alert(1)", -32006],
    ["no text", { link }, -32006],
    ["a huge text", `${link} ${"x".repeat(70_000)}`, -32006],
  ])("is not seen in %s", (_, message, code) => {
    expect(read(message, code)).toEqual([]);
  });

  it.each(["a\nb", "", link, `see ${link}`, 5])(
    "takes its own label where the source's name is %j",
    (name) => {
      expect(read(listing(entry("CONSENT_REQUIRED", link, "mcp", name)))).toEqual([
        { link, serverLabel: "toolbox" },
      ]);
      expect(
        toolboxFailures({ code: -32007, message: listing(entry("HTTP_500", "no", "mcp", name)) }, "toolbox"),
      ).toEqual([{ name: "toolbox", code: "HTTP_500" }]);
    },
  );
});

describe("a toolbox's other errors", () => {
  const failures = (message: unknown, code: unknown = -32007) =>
    toolboxFailures({ code, message }, "toolbox");

  it("name the sources that failed, and leave out those that only want consent", () => {
    const message = listing(
      entry("CONSENT_REQUIRED", link),
      entry("HTTP_400", "no"),
      entry("CONNECTION_FAILED", "no", "a2a_preview", "jira"),
    );
    for (const code of [-32006, -32007]) {
      expect(failures(message, code)).toEqual([
        { name: "github", code: "HTTP_400" },
        { name: "jira", code: "CONNECTION_FAILED" },
      ]);
    }
  });

  it.each([
    ["no list", "something broke"],
    ["an empty list", listing()],
    ["no text", 5],
    ["a huge text", "x".repeat(70_000)],
  ])("name the toolbox where there is %s", (_, message) => {
    expect(failures(message)).toEqual([{ name: "toolbox", code: undefined }]);
  });

  it("name a source only as far as its name and code can be shown", () => {
    expect(failures(listing(entry("HTTP 400 <b>", "no", "mcp", "a\nb"), null))).toEqual([
      { name: "toolbox", code: undefined },
      { name: "toolbox", code: undefined },
    ]);
    expect(failures(listing(...Array.from({ length: 100 }, () => entry("X", "no"))))).toHaveLength(32);
  });

  it("are none where the user has to consent, or the error is of another kind", () => {
    expect(failures(link, -32006)).toBeUndefined();
    expect(failures(listing(entry("HTTP_400", "no")), -32603)).toBeUndefined();
  });
});
