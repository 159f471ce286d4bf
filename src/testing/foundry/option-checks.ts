import {
  check,
  clock,
  either,
  flag,
  func,
  list,
  milliseconds,
  oneOf,
  optional,
  orElse,
  record,
  text,
} from "../../options/checks.js";
import { invalid } from "../../options/invalid.js";
import { nested, type Checked, type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { byType } from "../by-type.js";
import { portOption } from "../entra/option-checks.js";
import { refOption } from "../entra/refs.js";
import { entraOption } from "../entra/emulator.js";
import type { InProcessServer } from "./in-process-server.js";
import type { FoundryOptions } from "./options.js";
import type {
  SourceFailure,
  ToolboxOptions,
  ToolDefinition,
  ToolSourceAuth,
  ToolSourceOptions,
} from "./toolbox/options.js";

type FoundryDefaults =
  | "project"
  | "agentName"
  | "agentVersion"
  | "toolboxes"
  | "consumers"
  | "impersonators"
  | "readiness"
  | "readinessTimeoutMs"
  | "choosesResponseIds"
  | "consentLinkLifetimeMs"
  | "consentLinks"
  | "port"
  | "now"
  | "fetch";

/** {@link FoundryOptions}, checked and complete. */
export type FoundrySettings = Checked<FoundryOptions, FoundryDefaults>;

const name = text();
const names = list(text());
const approval = oneOf("always", "never");

/** Where a server is that the emulator calls. */
const address = check<string | URL>("url", "an http or https address", (value: string | URL) =>
  /^https?:$/.test(new URL(String(value)).protocol),
);

/** "everybody", or a list of names. */
const consumers: OptionCheck<"everybody" | readonly string[]> = {
  ...either(oneOf("everybody"), names),
  kind: "list",
};

const anySettings = record(text());

/** Source: learn.microsoft.com, foundry/agents/how-to/configure-hosted-agent-env-variables. */
const deployedSettings: OptionCheck<Readonly<Record<string, string>>> = {
  ...anySettings,
  read(value, at) {
    const settings = anySettings.read(value, at);
    const reserved = Object.keys(settings).find((one) => reservedName.test(one));
    if (reserved === undefined) return settings;
    throw invalid(
      `${at}.${reserved}`,
      "Foundry reserves this name, and refuses the deployment with invalid_payload. Begin the name with APP_, for example.",
    );
  },
};
const reservedName = /^(?:AGENT_|FOUNDRY_|APPLICATIONINSIGHTS_CONNECTION_STRING$)/i;

const toolTable = nested<ToolDefinition>({
  name,
  description: optional(text()),
  inputSchema: optional(check<Readonly<Record<string, unknown>>>("object", "a JSON schema", () => true)),
});

/** A tool stays as it is given: MCP knows more members than these. */
const tool: OptionCheck<ToolDefinition> = {
  ...toolTable,
  read(value, at) {
    toolTable.read(value, at);
    return value as ToolDefinition;
  },
};

const auth = byType<ToolSourceAuth>(
  {
    type: oneOf("oauth2", "agent", "user_entra_token", "none"),
    app: optional(refOption),
    scopes: optional(names),
    connection: optional(text()),
    audience: optional(text()),
  },
  { oauth2: ["app", "scopes"], agent: ["audience"] },
);

const sourceTable: OptionTable<ToolSourceOptions> = {
  name,
  type: optional(oneOf("mcp", "a2a_preview")),
  url: optional(address as OptionCheck<string>),
  server: optional(func<InProcessServer>()),
  auth,
  tools: optional(list(tool)),
  requireApproval: optional(either(approval, record(approval))),
  failing: optional(nested<SourceFailure>({ code: text(), message: optional(text()) })),
};

const toolboxTable: OptionTable<ToolboxOptions> = {
  name,
  sources: list(nested(sourceTable)),
  versions: optional(names),
  consentAt: optional(oneOf("initialize", "tools/list")),
  consentMessage: optional(oneOf("link", "prose")),
  consentFor: optional(oneOf("caller", "container")),
  sessions: optional(oneOf("agent", "user", "none")),
  toolSearch: optional(nested<NonNullable<ToolboxOptions["toolSearch"]>>({ pinned: optional(names) })),
  answers: optional(oneOf("stream", "json")),
};

/** The options of `startFoundry()`. */
export const foundryOptions: OptionTable<FoundryOptions, FoundryDefaults> = {
  entra: entraOption,
  agentUrl: optional(address),
  agent: optional(func<InProcessServer>()),
  project: orElse(name, "support"),
  agentName: orElse(name, "agent"),
  agentVersion: orElse(text(), "1"),
  tenant: optional(name),
  agentIdentity: optional(name),
  blueprint: optional(refOption),
  environment: optional(deployedSettings),
  toolboxes: orElse(list(nested(toolboxTable)), []),
  consumers: orElse(consumers, "everybody"),
  impersonators: orElse(names, []),
  readiness: orElse(oneOf("probe", "skip"), "probe"),
  readinessTimeoutMs: orElse(milliseconds(), 2000),
  choosesResponseIds: orElse(flag, false),
  consentLinkLifetimeMs: orElse(milliseconds(0, Number.MAX_SAFE_INTEGER), 3_600_000),
  consentLinks: orElse(oneOf("loopback", "platform"), "loopback"),
  port: portOption,
  now: clock,
  // Looked up at each call, so that a test's `fetch` counts.
  fetch: orElse(func<NonNullable<FoundryOptions["fetch"]>>(), (input, init) => globalThis.fetch(input, init)),
  onRequest: optional(func<NonNullable<FoundryOptions["onRequest"]>>()),
};
