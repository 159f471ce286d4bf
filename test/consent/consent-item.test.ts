import { describe, expect, it } from "vitest";
import { consentEvents, oauthConsentRequest } from "hosted-agent-identity/turn";
import { consentLinkPolicy, isOAuthConsentRequest } from "hosted-agent-identity/consent";
import { linkFor } from "../support/consenting-access.js";

const consentLink = linkFor("contacts");

describe("the consent item", () => {
  it("has the fields of the schema and no others", () => {
    const responseId = `caresp_${"ab".repeat(8)}00${"X".repeat(32)}`;
    const agentReference = { type: "agent_reference", name: "helper" } as const;
    const item = oauthConsentRequest({ consentLink, serverLabel: "contacts", responseId, agentReference });
    expect(item).toEqual({
      type: "oauth_consent_request",
      id: expect.stringMatching(/^oacr_(ab){8}00[A-Za-z0-9]{32}$/),
      consent_link: consentLink,
      server_label: "contacts",
      response_id: responseId,
      agent_reference: agentReference,
    });
    expect(Object.keys(oauthConsentRequest({ consentLink, serverLabel: "contacts" })).sort()).toEqual([
      "consent_link",
      "id",
      "server_label",
      "type",
    ]);
  });

  it("is not made with a link that must not be shown", () => {
    const refused = expect.objectContaining({
      code: "consent_link_refused",
      message: expect.not.stringContaining("secret"),
    });
    expect(() => oauthConsentRequest({ consentLink: "javascript:secret", serverLabel: "x" })).toThrow(
      refused,
    );
    const policy = consentLinkPolicy({ allowedOrigins: ["https://chat.example.com"] });
    expect(() => oauthConsentRequest({ consentLink, serverLabel: "x", policy })).toThrow(refused);
  });

  it("is shown by two events each, numbered from where the host's stream stands", () => {
    const items = ["contacts", "files"].map((label) =>
      oauthConsentRequest({ consentLink: linkFor(label), serverLabel: label }),
    );
    expect(consentEvents(items, { sequenceNumber: 7, outputIndex: 1 })).toEqual([
      { type: "response.output_item.added", sequence_number: 7, output_index: 1, item: items[0] },
      { type: "response.output_item.done", sequence_number: 8, output_index: 1, item: items[0] },
      { type: "response.output_item.added", sequence_number: 9, output_index: 2, item: items[1] },
      { type: "response.output_item.done", sequence_number: 10, output_index: 2, item: items[1] },
    ]);
  });
});

it("is not shown by events with a link that must not be shown, whoever made it", () => {
  const made = oauthConsentRequest({ consentLink, serverLabel: "contacts" });
  for (const link of ["javascript:secret", "https://x@evil.example/secret", "http://evil.example/secret"])
    expect(() =>
      consentEvents([made, { ...made, consent_link: link } as never], { sequenceNumber: 0, outputIndex: 0 }),
    ).toThrow(
      expect.objectContaining({
        code: "consent_link_refused",
        message: expect.not.stringContaining("secret") as string,
      }),
    );
  const other = { type: "message", id: "m" };
  expect(consentEvents([other], { sequenceNumber: 0, outputIndex: 0 })).toHaveLength(2);
});

describe("the guard for clients", () => {
  const item = {
    type: "oauth_consent_request",
    id: "oauthreq_1",
    consent_link: "https://x.consent.azure-apihub.net/login?data=1",
  };

  it("takes the item as any host writes it, with or without a label", () => {
    expect(isOAuthConsentRequest(item)).toBe(true);
    expect(isOAuthConsentRequest({ ...item, server_label: "x", created_by: {} })).toBe(true);
    expect(isOAuthConsentRequest(oauthConsentRequest({ consentLink, serverLabel: "x" }))).toBe(true);
  });

  it.each([
    undefined,
    null,
    "x",
    {},
    { ...item, type: "message" },
    { ...item, id: 1 },
    { ...item, server_label: 5 },
    { ...item, consent_link: undefined },
    { ...item, consent_link: "javascript:alert(1)" },
    { ...item, consent_link: "http://evil.example" },
  ])("refuses %j", (value) => {
    expect(isOAuthConsentRequest(value)).toBe(false);
  });
});
