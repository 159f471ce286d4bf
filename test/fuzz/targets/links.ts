import {
  type ConsentCard,
  consentLinkPolicy,
  consentReader,
  isOAuthConsentRequest,
  readConsentRequests,
} from "hosted-agent-identity/consent";
import { urlMatch, urlNotAllowed } from "../../../src/access/url-match.js";
import { checkLink, checkLinkForm, linkFault } from "../../../src/consent/link-policy.js";
import { behindOrigin, field, listIn, textOf, textsIn, urlIn, valueIn, type FuzzTarget } from "../target.js";
import { clientId } from "./people.js";

const resources = ["https://mcp.example.com/mcp", "https://mcp.example.com/", "http://127.0.0.1:8080/a/b/"];
const matches = resources.map((url) => urlMatch(url));
const policy = consentLinkPolicy({
  allowedOrigins: [
    "https://login.microsoftonline.com",
    "https://*.consent.azure-apihub.net",
    "http://127.0.0.1:4000",
  ],
  allowedLinks: [
    { origin: "https://logic-*.broker.example.net", path: "/login" },
    { origin: "https://entra.example.com", path: "/*/authorize", parameters: { client_id: "a" } },
  ],
});
const link = `https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=${clientId}&state=5k2l9x8w7v6u5t4s3r2q1p0o&code_challenge=AbCdEfGhIjKlMnOpQrStUvWxYz`;
const item = {
  type: "oauth_consent_request",
  id: "oacr_1",
  consent_link: link,
  server_label: "contacts",
  response_id: "caresp_1",
  agent_reference: { name: "agent", version: "1" },
};

export const linkTargets: readonly FuzzTarget[] = [
  {
    name: "URL of a request",
    from: "MCP transports, and redirects of servers",
    files: ["src/access/url-match.ts"],
    shape: "text",
    seeds: [
      ...resources,
      "https://mcp.example.com/mcp/x?y=z#w",
      "https://mcp.example.com/mcp-evil",
      "https://user:pass@mcp.example.com/mcp/a",
      "https://mcp.example.com:444/mcp",
      "https://mcp.example.com/mcp/..%2f..%5cadmin",
      "https://mcp.example.com/mcp/%2e%2e/admin",
      "https://mcp.example.com/mcp/%252e%252e;x/admin",
      "https://mcp.example.com/mcp/.%09./admin",
      "https://mcp.example.com\\@evil.example.com/mcp",
      "https://evil.example.com/https://mcp.example.com/mcp?token=5k2l9x8w7v6u5t4s3r2q1p0oAbCdEf",
      "http://127.0.0.1:8080/a/b/c",
      "http://127.0.0.1:8080/a/b",
      "//evil.example.com/mcp",
      "/mcp",
      "",
    ],
    words: ["https://mcp.example.com", "/mcp", "mcp.example.com", "@evil.example.com", ":443", "%00"],
    run(input) {
      const text = textOf(input);
      const answers = matches.map((match) => match(text));
      const url = urlIn(text);
      if (url !== undefined) for (const match of matches) match(url.href);
      if (answers.every((answer) => answer === undefined)) throw urlNotAllowed(text, resources[0] ?? "");
      return answers;
    },
    // The origin is named, so that somebody can see what is wrong; nothing behind it is.
    // A host may hold anything; what stands behind the path is nobody's to see.
    secrets: (input) => [behindOrigin(textOf(input)).replace(/^[^?#]*/, "")],
    public: resources,
    holds(input, value) {
      for (const [at, answer] of (value as (string | undefined)[]).entries()) {
        if (answer === undefined) continue;
        const url = new URL(answer);
        if (url.href !== new URL(textOf(input)).href)
          throw new Error("another URL is sent than was asked for");
        for (let seen = url.pathname, times = 0; times < 4; times += 1) {
          if (/\/\s*\.[.\s]*(?:[/;]|$)|\\/.test(seen))
            throw new Error("a server may climb out of the resource");
          seen = seen.replaceAll(/%[0-7][\da-f]/gi, (code) =>
            String.fromCharCode(parseInt(code.slice(1), 16)),
          );
        }
        const resource = new URL(resources[at] ?? "");
        const [path, below] = [resource.pathname.replace(/\/$/, ""), url.pathname];
        if (url.host !== resource.host || url.protocol !== resource.protocol || url.username !== "")
          throw new Error("a token would go to another host");
        if (below !== path && !below.startsWith(`${path}/`))
          throw new Error("a token would go to another path");
        if (textOf(input) !== resources[at] && /%2f|%5c|\\/i.test(textOf(input).split(/[?#]/)[0] ?? ""))
          throw new Error("an encoded slash was let through");
      }
    },
    unreachable: [
      {
        file: "src/access/url-match.ts",
        line: 'split(/[?#]/, 1)[0] ?? ""',
        why: "a split text has a first part",
      },
    ],
  },
  {
    name: "consent links",
    from: "toolboxes, responses of other hosts",
    files: [
      "src/consent/link-policy.ts#linkFault,checkLinkForm,checkLink,consentLinkPolicy,refused,linkRule,isOnly",
      "src/consent/is-consent-item.ts",
    ],
    shape: "value",
    seeds: [
      link,
      "https://a.b.consent.azure-apihub.net/login?data=x",
      "https://consent.azure-apihub.net/login",
      "https://evilconsent.azure-apihub.net/x",
      "http://127.0.0.1:4000/x",
      "https://logic-a.broker.example.net/login?data=x",
      "https://logic-a.broker.example.net/other",
      "https://entra.example.com/t/authorize?client_id=a",
      "https://entra.example.com/t/authorize?client_id=a&Client_Id=b",
      "https://entra.example.com/t/authorize?client_id=b",
      "http://example.com/x",
      "https://login.microsoftonline.com@evil.example.com/",
      "https://user:pw@login.microsoftonline.com/",
      "https://login.microsoftonline.com%2eevil.example.com/",
      "https://login.microsoftonline.com\\evil",
      "https://[::1]:99999/",
      "https://x y/",
      "javascript:alert(1)",
      `https://login.microsoftonline.com/${"a".repeat(8_200)}`,
      "",
      7,
      item,
      { ...item, server_label: undefined },
      { ...item, server_label: 5 },
      { ...item, id: 5 },
      [item],
      null,
    ],
    words: [
      "https://login.microsoftonline.com",
      ".consent.azure-apihub.net",
      "https://",
      "http://127.0.0.1",
      "@",
      "[::1]",
    ],
    run(input) {
      const isItem = isOAuthConsentRequest(input);
      const text = typeof input === "string" ? input : field(input, "consent_link");
      if (linkFault(typeof input === "object" ? valueIn(input, "consent_link") : input) !== undefined)
        checkLinkForm(text);
      checkLink(text, policy);
      return { text, isItem };
    },
    secrets: (input) => {
      const text = typeof input === "string" ? input : field(input, "consent_link");
      return [behindOrigin(text)];
    },
    holds(_input, value) {
      const { text } = value as { text: string };
      const url = new URL(text);
      const allowed =
        ["https://login.microsoftonline.com", "http://127.0.0.1:4000"].includes(url.origin) ||
        (url.protocol === "https:" && url.host.endsWith(".consent.azure-apihub.net")) ||
        (/^https:\/\/logic-[a-z0-9-]+\.broker\.example\.net$/.test(url.origin) &&
          url.pathname === "/login") ||
        (url.origin === "https://entra.example.com" &&
          /^\/[^/]+\/authorize$/.test(url.pathname) &&
          url.searchParams.getAll("client_id").join() === "a");
      if (!allowed || url.username !== "" || url.password !== "")
        throw new Error("a link that may lead elsewhere was let through");
    },
    unreachable: [
      {
        file: "src/consent/link-policy.ts",
        line: "isHostedAgentIdentityError(cause)",
        why: "a policy of this package throws errors of this package; one of your own: test/consent",
      },
    ],
  },
  {
    name: "responses that a client reads",
    from: "any host of the Responses protocol",
    files: ["src/consent/read-consent-requests.ts"],
    shape: "value",
    seeds: [
      {
        messages: [
          {
            object: "response",
            id: "caresp_1",
            status: "incomplete",
            output: [item, { type: "message", id: "m" }, { ...item, consent_link: "javascript:1" }],
          },
        ],
      },
      {
        messages: [
          { type: "response.created", response: { id: "caresp_2" } },
          { type: "response.output_item.done", item },
          { type: "response.output_item.added", item: { ...item, agent_reference: { name: 5 } } },
        ],
      },
      {
        messages: [
          { type: "response.oauth_consent_requested", consent_link: link, server_label: "contacts" },
        ],
      },
      {
        messages: [
          {
            type: "response.incomplete",
            response: { output: [{ ...item, server_label: undefined, response_id: "" }, item, item] },
          },
        ],
      },
      { messages: [null, 5, "text", [], { output: 5, object: "response" }], policy: true },
      {
        messages: [{ type: "response.oauth_consent_requested", consent_link: "https://evil.example.com/x" }],
        policy: true,
      },
      { messages: [{ type: "response.oauth_consent_requested", consent_link: link }], policy: "throws text" },
      {
        messages: [{ type: "response.oauth_consent_requested", consent_link: "x", server_label: "s" }],
        policy: "quiet",
      },
    ],
    run(input) {
      const said: string[] = [];
      const kind = valueIn(input, "policy");
      const options = {
        ...(kind === true ? { policy } : {}),
        ...(kind === "throws text"
          ? {
              policy: {
                ...policy,
                check: (): void => {
                  throw "no";
                },
              },
            }
          : {}),
        ...(kind === "quiet"
          ? {}
          : { onRefused: ({ reason }: { reason: string }) => void said.push(reason) }),
      };
      const read = consentReader(options);
      const cards = listIn(input, "messages").flatMap((message) => read(message));
      for (const message of listIn(input, "messages")) readConsentRequests(message, options);
      return { cards, said };
    },
    says: (value) => (value as { said: string[] }).said.join("\n"),
    secrets: (input) => textsIn(input).flatMap((one) => (/^https?:/i.test(one) ? [behindOrigin(one)] : [])),
    holds(_input, value) {
      for (const card of (value as { cards: ConsentCard[] }).cards) {
        if (!/^https?:\/\/[!-~]+$/i.test(card.link) || urlIn(card.link) === undefined)
          throw new Error("a card with a link that is none");
      }
    },
  },
];
