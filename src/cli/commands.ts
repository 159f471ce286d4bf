import type { Invocation } from "./invocation.js";
import { commonOptions, optionHelp, type OptionName } from "./options.js";

/** One command. Its code loads only when it runs, so that help stays fast. */
export interface Command {
  readonly name: string;
  readonly help: string;
  readonly options: readonly OptionName[];
  /** The command returns whether it succeeded. */
  load(): Promise<(invocation: Invocation) => Promise<boolean>>;
}

const doctorOptions: readonly OptionName[] = [
  "authority-host",
  "tenant",
  "client-id",
  "secret-file",
  "certificate",
  "mcp-url",
  "mcp-client-id",
  "scope",
  "audience",
  "project-endpoint",
  "toolbox",
  "public-url",
  "sign-in-file",
  "token-file",
  "timeout",
  ...commonOptions,
];

const inspectOptions: readonly OptionName[] = [
  "authority-host",
  "tenant",
  "client-id",
  "mcp-client-id",
  "scope",
  "audience",
  "offline",
  "timeout",
  ...commonOptions,
];

export const overview = `hosted-agent-identity: find out why a user gets a token, or does not.

  hosted-agent-identity doctor              checks your setup and shows which ways to a token work
  hosted-agent-identity inspect [file|-]    explains a token, from a file or standard input
  hosted-agent-identity explain <code|text> explains AADSTS codes, this package's codes, or an error text

Each command has its own --help. --json prints JSON, --no-color turns colors off, --version prints the version.
Exit code: 0 success, 1 a check failed, 2 invalid usage, 130 interrupted.`;

export const commands: readonly Command[] = [
  {
    name: "doctor",
    help: `hosted-agent-identity doctor [options]

Run it in your agent's environment. It checks the environment, tenant, app, credential, resource and scope, a
user token, the MCP server's 401 and metadata, the toolbox, the sign-in store and its keys. Then it shows which
ways to a token work, and what to do next. It signs nobody in, stores nothing, and drops the tokens it gets.

${optionHelp(doctorOptions, ["federatedTokenFile", "signInKeys", "redisUrl", "signInDatabaseUrl"])}

Exit code: 0 no check failed, 1 a check failed, 2 invalid usage, 130 interrupted.`,
    options: doctorOptions,
    load: async () => (await import("./doctor/doctor.js")).doctor,
  },
  {
    name: "inspect",
    help: `hosted-agent-identity inspect [file|-] [options]

Explains a token claim by claim: what each means, who the subject is, what you can use it for. Verifies the
signature with the published keys of the token's tenant, if available. Reads the token from a file or standard
input, never from an argument. Never prints the token or its signature.

  hosted-agent-identity inspect token.txt
  pbpaste | hosted-agent-identity inspect

${optionHelp(inspectOptions)}

Exit code: 0 no problem found, 1 a problem found, 2 invalid usage, 130 interrupted.`,
    options: inspectOptions,
    load: async () => (await import("./inspect/inspect.js")).inspect,
  },
  {
    name: "explain",
    help: `hosted-agent-identity explain <AADSTS codes | error codes | error text | ->

Shows what an error means, who can fix it, the next step, and Microsoft's page. Takes AADSTS65001 or just 65001,
a code of this package (user_token_audience), several codes, an Entra error response as JSON, or any text that
contains codes; - reads standard input.

  hosted-agent-identity explain AADSTS65001
  hosted-agent-identity explain 65001 consent_required
  cat agent.log | hosted-agent-identity explain -

${optionHelp(commonOptions)}

Exit code: 0 every code is known, 1 a code is unknown or none was found, 2 invalid usage.`,
    options: commonOptions,
    load: async () => (await import("./explain/explain.js")).explain,
  },
];

export function commandNamed(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
