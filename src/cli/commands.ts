import type { ParseArgsConfig } from "node:util";
import type { CommandLine } from "./run.js";
import type { Terminal } from "./terminal.js";

/** What a command is run with. */
export interface Invocation {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
  readonly line: CommandLine;
  readonly out: Terminal;
  readonly signal: AbortSignal;
}

/** One command. What it does is loaded when it is run, so that help costs nothing. */
export interface Command {
  readonly name: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  /** The command says whether all was good. */
  load(): Promise<(invocation: Invocation) => Promise<boolean>>;
}

const common = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  color: { type: "boolean" },
} as const;

const entra = {
  "authority-host": { type: "string" },
  tenant: { type: "string" },
  "client-id": { type: "string" },
  "mcp-client-id": { type: "string" },
  scope: { type: "string" },
  audience: { type: "string" },
  timeout: { type: "string" },
} as const;

export const overview = `hosted-agent-identity: why does a person get, or not get, a token?

  hosted-agent-identity doctor              checks your set-up and says which ways to a token work
  hosted-agent-identity inspect [file|-]    explains a token, from a file or standard input
  hosted-agent-identity explain <code|text> explains an AADSTS code, an error code or an error text

Each has its own --help. --json prints for programs, --no-color without colours, --version the version.
Exit code: 0 all good, 1 a check failed, 2 not understood, 130 interrupted.`;

const doctorHelp = `hosted-agent-identity doctor [options]

Checks, from the environment of your agent: environment, tenant, app, credential, resource and scope, a user
token, the MCP server's 401 and metadata, the toolbox, the sign-in store and its keys. Then it says which ways
to a token work, and what to change. It signs nobody in and stores nothing; the tokens it gets are dropped.

Configuration (environment variable, or the option that overrides it):
  AZURE_AUTHORITY_HOST        --authority-host <url>     another cloud, or an emulator
  AZURE_TENANT_ID             --tenant <guid>
  AGENT_CLIENT_ID             --client-id <guid>         or SERVICE_CLIENT_ID
  AGENT_CLIENT_SECRET         --secret-file <file>       or SERVICE_CLIENT_SECRET
  AGENT_CERTIFICATE           --certificate <pem file>   certificate and private key
  AZURE_FEDERATED_TOKEN_FILE                             a workload identity
  MCP_URL                     --mcp-url <url>
  MCP_CLIENT_ID               --mcp-client-id <guid>
  MCP_SCOPE                   --scope <scope>            default access_as_user; short, or in full
  MCP_AUDIENCES               --audience <a,b>           default: MCP_CLIENT_ID
  FOUNDRY_PROJECT_ENDPOINT    --project-endpoint <url>
  TOOLBOX_NAME                --toolbox <name>
  PUBLIC_URL                  --public-url <url>         of the sign-in pages
  SIGN_IN_KEYS                                           comma separated; or SIGN_IN_KEY
  REDIS_URL                                              the sign-in store
  SIGN_IN_FILE                --sign-in-file <file>      the sign-in store of a single process

Options:
  --token-file <file|->   a user token to try, from a file or standard input; never as an argument
  --timeout <seconds>     for each check, default 10
  --json                  for programs
  --no-color

Exit code: 0 no check failed, 1 one did, 2 not understood, 130 interrupted.`;

const inspectHelp = `hosted-agent-identity inspect [file|-] [options]

Explains a token claim by claim: what each means, whose token it is, what it is good for. Verifies the
signature with the published keys of the token's tenant, if they can be had. The token is read from a file or
standard input, never from an argument, and never printed; neither is its signature.

  hosted-agent-identity inspect token.txt
  pbpaste | hosted-agent-identity inspect

Options (or the environment variables of doctor):
  --client-id <guid>          your agent's app: is the token for it?      AGENT_CLIENT_ID
  --mcp-client-id <guid>      the MCP server's app                        MCP_CLIENT_ID
  --audience <a,b>            the MCP server's audiences                  MCP_AUDIENCES
  --tenant <guid>             the tenant it must come from                AZURE_TENANT_ID
  --authority-host <url>      where its keys are                          AZURE_AUTHORITY_HOST
  --offline                   ask for no keys: the signature is not verified
  --timeout <seconds>         default 10
  --json                      for programs
  --no-color

Exit code: 0 nothing wrong was found, 1 something was, 2 not understood, 130 interrupted.`;

const explainHelp = `hosted-agent-identity explain <AADSTS code | error code | error text | ->

What an error means, who can end it, the next step, and Microsoft's page. Takes a number (65001), AADSTS65001,
a code of this package (user_token_audience), an answer of Entra as JSON, or any text that has one in it;
- reads standard input.

  hosted-agent-identity explain AADSTS65001
  cat agent.log | hosted-agent-identity explain -

Options:
  --json        for programs
  --no-color

Exit code: 0 every code is known, 1 one is not or there is none, 2 not understood.`;

export const commands: readonly Command[] = [
  {
    name: "doctor",
    help: doctorHelp,
    options: {
      ...common,
      ...entra,
      "secret-file": { type: "string" },
      certificate: { type: "string" },
      "mcp-url": { type: "string" },
      "project-endpoint": { type: "string" },
      toolbox: { type: "string" },
      "public-url": { type: "string" },
      "sign-in-file": { type: "string" },
      "token-file": { type: "string" },
    },
    load: async () => (await import("./doctor/doctor.js")).doctor,
  },
  {
    name: "inspect",
    help: inspectHelp,
    options: { ...common, ...entra, offline: { type: "boolean" } },
    load: async () => (await import("./inspect/inspect.js")).inspect,
  },
  {
    name: "explain",
    help: explainHelp,
    options: common,
    load: async () => (await import("./explain/explain.js")).explain,
  },
];

export function commandNamed(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
