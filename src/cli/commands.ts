import type { Invocation } from "./invocation.js";
import { commonOptions, optionHelp, type OptionName } from "./options.js";

/** One command. What it does is loaded when it is run, so that help costs nothing. */
export interface Command {
  readonly name: string;
  readonly help: string;
  readonly options: readonly OptionName[];
  /** The command says whether all was good. */
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

export const overview = `hosted-agent-identity: why does a user get, or not get, a token?

  hosted-agent-identity doctor              checks your set-up and says which ways to a token work
  hosted-agent-identity inspect [file|-]    explains a token, from a file or standard input
  hosted-agent-identity explain <code|text> explains AADSTS codes, codes of this package, or an error text

Each has its own --help. --json prints for programs, --no-color without colors, --version the version.
Exit code: 0 all good, 1 a check failed, 2 not understood, 130 interrupted.`;

export const commands: readonly Command[] = [
  {
    name: "doctor",
    help: `hosted-agent-identity doctor [options]

Checks, from the environment of your agent: environment, tenant, app, credential, resource and scope, a user
token, the MCP server's 401 and metadata, the toolbox, the sign-in store and its keys. Then it says which ways
to a token work, and what to do next. It signs nobody in and stores nothing; the tokens it gets are dropped.

${optionHelp(doctorOptions, ["federatedTokenFile", "signInKeys", "redisUrl"])}

Exit code: 0 no check failed, 1 one did, 2 not understood, 130 interrupted.`,
    options: doctorOptions,
    load: async () => (await import("./doctor/doctor.js")).doctor,
  },
  {
    name: "inspect",
    help: `hosted-agent-identity inspect [file|-] [options]

Explains a token claim by claim: what each means, whose token it is, what it is good for. Verifies the
signature with the published keys of the token's tenant, if they can be had. The token is read from a file or
standard input, never from an argument, and never printed; neither is its signature.

  hosted-agent-identity inspect token.txt
  pbpaste | hosted-agent-identity inspect

${optionHelp(inspectOptions)}

Exit code: 0 nothing wrong was found, 1 something was, 2 not understood, 130 interrupted.`,
    options: inspectOptions,
    load: async () => (await import("./inspect/inspect.js")).inspect,
  },
  {
    name: "explain",
    help: `hosted-agent-identity explain <AADSTS codes | error codes | error text | ->

What an error means, who can end it, the next step, and Microsoft's page. Takes AADSTS65001 or just 65001, a
code of this package (user_token_audience), several of them, an answer of Entra as JSON, or any text that has
some in it; - reads standard input.

  hosted-agent-identity explain AADSTS65001
  hosted-agent-identity explain 65001 consent_required
  cat agent.log | hosted-agent-identity explain -

${optionHelp(commonOptions)}

Exit code: 0 every code is known, 1 one is not or there is none, 2 not understood.`,
    options: commonOptions,
    load: async () => (await import("./explain/explain.js")).explain,
  },
];

export function commandNamed(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
