import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { findConsentRequired } from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { consentError, linkFor, secretOf } from "../support/consenting-access.js";

const labels = (error: unknown): string[] | undefined =>
  findConsentRequired(error)?.requests.map(({ serverLabel }) => serverLabel);

describe("a consent error", () => {
  const error = consentError("contacts");

  it.each<[string, unknown]>([
    ["itself", error],
    ["a chain of causes", new Error("a", { cause: new Error("b", { cause: error }) })],
    [
      "the SDK v2's failed negotiation",
      Object.assign(new Error("negotiation"), {
        name: "SdkError",
        code: "ERA_NEGOTIATION_FAILED",
        cause: error,
      }),
    ],
    ["an aggregate", new AggregateError([new Error("x"), error])],
    [
      "the AI SDK's RetryError",
      Object.assign(new Error("retry"), { errors: [new Error("1"), error], lastError: error }),
    ],
    ["a wrapper's error", Object.assign(new Error("x"), { error: { originalError: error } })],
    ["a stream part", { type: "tool-error", error }],
    ["a settled promise", { status: "rejected", reason: error }],
  ])("is found in %s, as the same object", (_, wrapped) => {
    expect(findConsentRequired(wrapped)).toBe(error);
  });

  it("is found in another copy of the package", async () => {
    const brand = Symbol.for("hosted-agent-identity/error/1/ConsentRequiredError");
    const foreign = Object.assign(new Error("x"), {
      requests: [{ serverLabel: "contacts", link: linkFor("contacts"), reason: "consent" }],
    });
    Object.defineProperty(foreign, brand, { value: true });
    expect(labels(new Error("y", { cause: foreign }))).toEqual(["contacts"]);
  });

  it("of several servers becomes one, without duplicates", () => {
    expect(
      labels(
        new AggregateError([
          consentError("contacts"),
          new Error("x", { cause: consentError("files") }),
          consentError("contacts"),
        ]),
      ),
    ).toEqual(["contacts", "files"]);
  });

  it("cannot be found where a framework kept nothing but the text, as LangChain's ToolException does", () => {
    const toolException = Object.assign(new Error(String(error)), { name: "ToolException" });
    expect(findConsentRequired(toolException)).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["nothing", undefined],
    ["a text", "consent_required"],
    ["another error", new Error("consent_required")],
    [
      "an object that looks like it",
      {
        name: "ConsentRequiredError",
        code: "consent_required",
        requests: [{ link: "https://evil.example", serverLabel: "x" }],
      },
    ],
    ["what a server sent", JSON.parse('{"code":-32006,"message":"https://evil.example/consent"}')],
  ])("is not seen in %s", (_, value) => {
    expect(findConsentRequired(value)).toBeUndefined();
  });

  it("search ends on cycles, traps and huge graphs", () => {
    const cycle: { cause?: unknown } = new Error("a");
    cycle.cause = new Error("b", { cause: cycle });
    expect(findConsentRequired(cycle)).toBeUndefined();
    const trap = Object.defineProperty(new Error("t"), "cause", {
      get: () => {
        throw new Error("trap");
      },
    });
    expect(labels(new AggregateError([trap, error]))).toEqual(["contacts"]);
    const endless = (): object => ({
      get cause() {
        return endless();
      },
      get error() {
        return endless();
      },
      get errors() {
        return [endless(), endless()];
      },
    });
    expect(findConsentRequired(endless())).toBeUndefined();
  });

  it("with a link that must not be shown is refused, without showing it", () => {
    const policy = consentLinkPolicy({ allowedOrigins: ["https://chat.example.com"] });
    const refused = expect.objectContaining({ code: "consent_link_refused" });
    expect(() => findConsentRequired(error, { policy })).toThrow(refused);
    try {
      findConsentRequired(error, { policy });
    } catch (thrown) {
      expect(inspect(thrown, { depth: 9, showHidden: true }) + JSON.stringify(thrown)).not.toContain(
        secretOf("contacts"),
      );
    }
  });
});

describe("a JSON-RPC error -32006", () => {
  const link = "https://logic-x.consent.azure-apihub.net/login?data=abc";
  const rpcError = Object.assign(
    new Error(`MCP error -32006: User consent is required. Please visit: ${link}`),
    { code: -32006 },
  );
  const policy = consentLinkPolicy({ allowedOrigins: ["https://logic-x.consent.azure-apihub.net"] });

  it("means nothing by default: any server can send one", () => {
    expect(findConsentRequired(rpcError)).toBeUndefined();
    expect(findConsentRequired(rpcError, { policy })).toBeUndefined();
  });

  it("counts where the developer says that it came from a toolbox and allows the link's origin", () => {
    const found = findConsentRequired(new Error("x", { cause: rpcError }), {
      policy,
      toolbox: { serverLabel: "toolbox" },
    });
    expect(found?.requests.map((request) => [request.serverLabel, request.link, request.reason])).toEqual([
      ["toolbox", link, "consent"],
    ]);
    expect(inspect(found, { depth: 9 }) + JSON.stringify(found)).not.toContain("apihub");
  });

  it("is refused without a policy: its link comes from outside", () => {
    expect(() => findConsentRequired(rpcError, { toolbox: { serverLabel: "toolbox" } })).toThrow(
      expect.objectContaining({ code: "consent_link_refused" }),
    );
  });
});
