import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { build } from "tsup";
import { describe, expect, it, vi } from "vitest";
import { consentLinkPolicy, consentReader, readConsentRequests } from "hosted-agent-identity/consent";
import { linkFor, secretOf } from "../support/consenting-access.js";

const link = linkFor("contacts");
const item = { type: "oauth_consent_request", id: "oacr_1", consent_link: link, server_label: "contacts" };
const response = {
  id: "caresp_1",
  object: "response",
  status: "incomplete",
  incomplete_details: null,
  output: [{ type: "message", id: "msg_1", content: [] }, item],
};
const created = { type: "response.created", response: { ...response, status: "in_progress", output: [] } };
const card = { link, serverLabel: "contacts", responseId: "caresp_1" };

describe("where a consent request stands", () => {
  it.each<[string, unknown]>([
    ["a finished response", response],
    ["the event that ends a stream", { type: "response.incomplete", sequence_number: 9, response }],
    ["the same from hosts that ended completed", { type: "response.completed", response }],
  ])("%s", (_, message) => {
    expect(readConsentRequests(message)).toEqual([card]);
  });

  it.each<[string, object]>([
    ["an item added", { type: "response.output_item.added", output_index: 1, item }],
    ["an item done", { type: "response.output_item.done", output_index: 1, item }],
    [
      "an event of its own",
      {
        type: "response.oauth_consent_requested",
        id: "oauthreq_1",
        consent_link: link,
        server_label: "contacts",
      },
    ],
  ])("%s, in a stream whose first event named the response", (_, event) => {
    const read = consentReader();
    expect(read(created)).toEqual([]);
    expect(read(event)).toEqual([card]);
  });

  it.each(["response.output_item.added", "response.output_item.done"])(
    "%s alone names the response only if the item does",
    (type) => {
      expect(readConsentRequests({ type, item })).toEqual([{ link, serverLabel: "contacts" }]);
      expect(readConsentRequests({ type, item: { ...item, response_id: "caresp_2" } })).toEqual([
        { ...card, responseId: "caresp_2" },
      ]);
    },
  );

  it("the item's own response id wins over the response it is found in", () => {
    const output = [{ ...item, response_id: "caresp_2" }];
    expect(readConsentRequests({ ...response, output })).toEqual([{ ...card, responseId: "caresp_2" }]);
  });

  it("a missing label is tolerated, and the agent is named where the host does", () => {
    const agent_reference = { type: "agent_reference", name: "helper", version: "3" };
    const { server_label: _, ...unlabelled } = item;
    expect(readConsentRequests({ ...response, output: [{ ...unlabelled, agent_reference }] })).toEqual([
      { link, responseId: "caresp_1", agentReference: agent_reference },
    ]);
  });
});

describe("a stream", () => {
  it("gives each request once, however often it comes", () => {
    const read = consentReader();
    const other = { ...item, id: "oacr_2", server_label: "files" };
    const { server_label: _, ...bare } = item;
    const events = [
      created,
      { ...bare, type: "response.oauth_consent_requested" },
      { type: "response.output_item.added", item },
      { type: "response.output_item.done", item },
      { type: "response.output_item.added", item: other },
      { type: "response.incomplete", response: { ...response, output: [item, other] } },
    ];
    const cards = events.map((event) => read(event));
    expect(cards.map(({ length }) => length)).toEqual([0, 1, 0, 0, 0, 0]);
  });

  it("keeps two servers apart that share a link, and two links of one server", () => {
    const output = [
      item,
      { ...item, id: "oacr_2", server_label: "files" },
      { ...item, id: "oacr_3", consent_link: linkFor("other") },
    ];
    expect(
      readConsentRequests({ ...response, output }).map(({ link: to, serverLabel }) => [to, serverLabel]),
    ).toEqual([
      [link, "contacts"],
      [link, "files"],
      [linkFor("other"), "contacts"],
    ]);
  });
});

describe("a link that may not be shown", () => {
  it.each([
    ["http://login.example.com/", "http is for loopback hosts only"],
    ["javascript:alert(1)//secret", "it is not an absolute https link"],
    ["https://user:secret@login.example.com/", "it has user information"],
    ["https://login.example.com/\nsecret", "it has whitespace, control or non-ASCII characters"],
    [undefined, "it is not a text"],
  ])("makes no card: %j", (consent_link, reason) => {
    const onRefused = vi.fn();
    const read = consentReader({ onRefused });
    const event = { type: "response.output_item.done", item: { ...item, consent_link } };
    expect([...read(event), ...read(event)]).toEqual([]);
    expect(onRefused.mock.calls).toEqual([[{ reason, serverLabel: "contacts" }]]);
  });

  it("is one of another origin than the policy allows, and the reason does not show it", () => {
    const onRefused = vi.fn();
    const allowed = consentLinkPolicy({ allowedOrigins: ["https://login.microsoftonline.com"] });
    const other = consentLinkPolicy({ allowedOrigins: ["https://sign-in.example.com"] });
    expect(readConsentRequests(response, { policy: allowed, onRefused })).toEqual([card]);
    expect(onRefused).not.toHaveBeenCalled();
    expect(readConsentRequests(response, { policy: other, onRefused })).toEqual([]);
    expect(onRefused).toHaveBeenCalledOnce();
    expect(JSON.stringify(onRefused.mock.calls)).not.toContain(secretOf("contacts"));
  });

  it("on a loopback host it may be http", () => {
    const local = { ...item, consent_link: "http://127.0.0.1:3000/sign-in" };
    expect(readConsentRequests({ ...response, output: [local] })).toHaveLength(1);
  });
});

it("whatever comes instead of a response asks for nothing and throws nothing", () => {
  fc.assert(fc.property(fc.anything(), (value) => readConsentRequests(value).length === 0));
  const parts = [undefined, null, 5, "x", [], {}, [null, 5, { type: "oauth_consent_request" }]];
  for (const part of parts) {
    expect(readConsentRequests({ type: "response.output_item.added", item: part })).toEqual([]);
    expect(readConsentRequests({ type: "response.completed", response: { output: part } })).toEqual([]);
  }
});

/** What a browser would get: the minified bundle of a module that exports these. */
async function bundleOf(exported: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "browser-bundle-"));
  try {
    const entry = fileURLToPath(new URL("../../src/consent/index.ts", import.meta.url));
    await writeFile(join(folder, "in.ts"), `export ${exported} from ${JSON.stringify(entry)};`);
    await build({
      entry: { out: join(folder, "in.ts") },
      outDir: join(folder, "dist"),
      outExtension: () => ({ js: ".mjs" }),
      platform: "browser",
      format: "esm",
      removeNodeProtocol: false,
      minify: true,
      config: false,
      silent: true,
    });
    return await readFile(join(folder, "dist/out.mjs"), "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

it("a browser can load the entry: it needs nothing of Node", async () => {
  expect(await bundleOf("*")).not.toMatch(/\brequire\(|\bimport\b|\bprocess\s*[.?[]|\bBuffer\b/);
});

it("the reader alone is small, and works from its bundle", async () => {
  const code = await bundleOf("{ readConsentRequests }");
  expect(code.length).toBeLessThan(4_000);
  const loaded = (await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`)) as {
    readConsentRequests: typeof readConsentRequests;
  };
  expect(loaded.readConsentRequests(response)).toEqual([card]);
});
