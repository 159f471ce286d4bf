import { expect, it } from "vitest";
import { UserContext } from "hosted-agent-identity";
import { consentLinkPolicy } from "hosted-agent-identity/consent";
import { rpcOutcome } from "../../src/toolbox/rpc-outcome.js";

const context = new UserContext({ platform: { hosted: false }, clientHeaders: {}, trace: {} });
const policy = consentLinkPolicy({ allowedOrigins: [] });
const judge = rpcOutcome({ serverLabel: "contacts", policy }, context);
const messages: readonly unknown[] = [
  { toString: 1 },
  { link: "https://consent.example.com/login" },
  null,
  undefined,
];

it.each(messages.map((message) => ({ message })))(
  "an error whose message is no text ($message) is a failure, and its links are in no cause",
  ({ message }) => {
    const found = judge({ jsonrpc: "2.0", id: 1, error: { code: -32007, message } });
    expect(found).toMatchObject({ code: "toolbox_source_failed" });
    expect(String(found?.cause)).not.toContain("consent.example.com");
  },
);
