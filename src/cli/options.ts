import type { ParseArgsConfig } from "node:util";
import { secrets, settings } from "./settings.js";

/** One option of the command line: how it is parsed, and its help text. */
interface OptionRow {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** The value's placeholder in help. */
  readonly value?: string;
  readonly says: string;
}

const rows = {
  "authority-host": { type: "string", value: "<url>", says: "another cloud, or an emulator" },
  tenant: { type: "string", value: "<guid>", says: "the tenant" },
  "client-id": { type: "string", value: "<guid>", says: "the agent's app" },
  "secret-file": { type: "string", value: "<file>", says: "the app's client secret" },
  certificate: { type: "string", value: "<pem file>", says: "the app's certificate and private key" },
  "mcp-url": { type: "string", value: "<url>", says: "the MCP endpoint" },
  "mcp-client-id": { type: "string", value: "<guid>", says: "the MCP server's app" },
  scope: {
    type: "string",
    value: "<scope>",
    says: "its scope, short or fully qualified; default access_as_user",
  },
  audience: { type: "string", value: "<a,b>", says: "its audiences; default the MCP server's app" },
  "project-endpoint": { type: "string", value: "<url>", says: "the Foundry project" },
  toolbox: { type: "string", value: "<name>", says: "a toolbox of it" },
  "public-url": { type: "string", value: "<url>", says: "public URL of the sign-in pages" },
  "sign-in-file": { type: "string", value: "<file>", says: "the sign-in store of a single process" },
  "token-file": {
    type: "string",
    value: "<file|->",
    says: "a user token to try; never given as an argument",
  },
  offline: { type: "boolean", says: "fetch no keys: the signature is not verified" },
  timeout: { type: "string", value: "<seconds>", says: "limit for each check, 0.1 to 120; default 10" },
  json: { type: "boolean", says: "print one JSON document, for programs" },
  color: { type: "boolean", says: "print colors, or none with --no-color" },
  help: { type: "boolean", short: "h", says: "print this" },
} as const;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof rows;

/** Options that every command takes. They may also come before the command. */
export const commonOptions: readonly OptionName[] = ["json", "color", "help"];

/** Settings from environment variables only, with their help texts. */
const variablesOnly = {
  federatedTokenFile: "a workload identity",
  signInKeys: "the keys of the sign-in store, comma separated",
  redisUrl: "the sign-in store",
  signInDatabaseUrl: "the sign-in store in PostgreSQL",
} as const;

/** The options of a command, as `parseArgs` takes them. */
export function parserOptions(names: readonly OptionName[]): NonNullable<ParseArgsConfig["options"]> {
  return Object.fromEntries(
    names.map((name) => {
      const { type, short } = rows[name] as OptionRow;
      return [name, short === undefined ? { type } : { type, short }];
    }),
  );
}

/** The options of a command, as its help lists them: first those that also have an environment variable. */
export function optionHelp(
  names: readonly OptionName[],
  only: readonly (keyof typeof variablesOnly)[] = [],
): string {
  const lines = names.map((name) => ({ name, variables: variablesOf(name), ...(rows[name] as OptionRow) }));
  const given = lines.filter(({ variables }) => variables.length > 0);
  const others = lines.filter(({ variables }) => variables.length === 0);
  const configured = [
    ...given.map(
      ({ name, value, says, variables }) => [variables, `--${name} ${value ?? ""}`.trim(), says] as const,
    ),
    ...only.map((name) => [variablesOf(name), "", variablesOnly[name]] as const),
  ];
  const configuration = configured.map(
    ([[first = "", ...more], option, says]) =>
      `  ${first.padEnd(26)}  ${option.padEnd(26)}  ${says}${more.length === 0 ? "" : `; or ${more.join(", ")}`}`,
  );
  const options = others.map(
    ({ name, value, says }) => `  ${`--${name} ${value ?? ""}`.trim().padEnd(26)}  ${says}`,
  );
  return [
    ...(configuration.length === 0
      ? []
      : ["Configuration (environment variable, or the option that overrides it):", ...configuration, ""]),
    "Options:",
    ...options,
  ].join("\n");
}

/** The environment variables of an option, or of a setting without an option. */
function variablesOf(name: OptionName | keyof typeof variablesOnly): readonly string[] {
  if (name === "secret-file") return secrets.clientSecret;
  if (name === "signInKeys" || name === "redisUrl" || name === "signInDatabaseUrl") return secrets[name];
  if (name === "federatedTokenFile") return settings[name].variables;
  return Object.values(settings).find(({ option }) => option === name)?.variables ?? [];
}
