import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it } from "vitest";
import { findConsentRequired } from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { consentError } from "../support/consenting-access.js";

const url = new URL("https://contacts.example.com/mcp");
type Fetch = (input: string | URL, init?: RequestInit) => Promise<Response>;

/** Connects with the real SDKs over a network that a test writes, and gives what they throw. */
const clients: Record<string, (fetch: Fetch) => Promise<unknown>> = {
  "SDK v1": (fetch) =>
    new ClientV1({ name: "t", version: "1" })
      .connect(new TransportV1(url, { fetch }) as never)
      .catch((error: unknown) => error),
  "SDK v2": (fetch) =>
    new ClientV2({ name: "t", version: "1" })
      .connect(new TransportV2(url, { fetch }))
      .catch((error: unknown) => error),
  "SDK v2 that probes": (fetch) =>
    new ClientV2({ name: "t", version: "1" }, { versionNegotiation: { mode: "auto" } })
      .connect(new TransportV2(url, { fetch }))
      .catch((error: unknown) => error),
};

describe.each(Object.entries(clients))("%s", (_, thrownBy) => {
  it("keeps the error of a fetch where it can be found", async () => {
    const error = consentError("contacts");
    expect(findConsentRequired(await thrownBy(() => Promise.reject(error)))).toBe(error);
  });

  it("brings a server's -32006, which means nothing unless the developer says it is a toolbox", async () => {
    const link = "https://evil.example/consent";
    const thrown = await thrownBy(async (_input, init) => {
      const { id } = JSON.parse(String(init?.body)) as { id: unknown };
      return Response.json({ jsonrpc: "2.0", id, error: { code: -32006, message: `Please visit: ${link}` } });
    });
    expect(thrown).toBeInstanceOf(Error);
    expect(findConsentRequired(thrown)).toBeUndefined();
    const toolbox = { serverLabel: "toolbox" };
    expect(() => findConsentRequired(thrown, { toolbox })).toThrow(
      expect.objectContaining({ code: "consent_link_refused" }),
    );
    const policy = consentLinkPolicy({ allowedOrigins: ["https://evil.example"] });
    expect(findConsentRequired(thrown, { toolbox, policy })?.requests).toMatchObject([
      { link, serverLabel: "toolbox" },
    ]);
  });
});
