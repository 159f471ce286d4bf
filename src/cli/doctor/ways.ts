import type { AccessExplanation } from "../../access/types.js";
import type { Finding } from "../finding.js";
import type { Settings } from "../read-settings.js";
import type { Terminal } from "../terminal.js";
import { sourceKinds, type SourceKind } from "../../sources/source-kinds.js";

/** A way to a token, as in docs/guides/which-way.md. */
export interface WayFound {
  readonly way: SourceKind;
  /** `possible`: no check failed, but it was not tried. */
  readonly status: "works" | "possible" | "no" | "not_set_up";
  readonly detail: string;
  /** The callers that it serves. */
  readonly serves: string;
}

/** The input for judging the ways. */
interface Judged {
  readonly findings: readonly Finding[];
  readonly explained: AccessExplanation | undefined;
  readonly settings: Settings;
  /** Whether a user token was given. */
  readonly token: boolean;
}

const backEnd = "callers with a back end, on any Node host; not the Foundry portal or Teams";

/** Which ways work with this setup, and what to change for the others. */
export function waysFrom(judged: Judged): readonly WayFound[] {
  return sourceKinds.map((way) => ({ way, serves: ways[way].serves, ...ways[way].judge(judged) }));
}

const ways: Readonly<Record<SourceKind, { readonly serves: string; judge(judged: Judged): Verdict }>> = {
  passthrough: { serves: backEnd, judge: passthrough },
  on_behalf_of: { serves: backEnd, judge: onBehalfOf },
  agent_on_behalf_of: {
    serves: "callers whose token is for the agent blueprint",
    judge: () => ({
      status: "not_set_up",
      detail: "not checked here; see agentOnBehalfOf() (experimental).",
    }),
  },
  sign_in: {
    serves: "everyone; in the Foundry portal with a code typed in the chat",
    judge: signIn,
  },
  toolbox: {
    serves: "the Foundry portal, and back ends that send x-ms-user-identity",
    judge: toolbox,
  },
  developer: {
    serves: "you, on this machine",
    judge: ({ settings }) => ({
      status: settings.mcpUrl === undefined ? "not_set_up" : "possible",
      detail:
        "developer() acts as the account that ran az login, with HOSTED_AGENT_IDENTITY_DEVELOPER=1 and on no host.",
    }),
  },
};

type Verdict = Pick<WayFound, "status" | "detail">;

function passthrough(judged: Judged): Verdict {
  if (!configured(judged, "resource"))
    return { status: "not_set_up", detail: "no MCP server is configured." };
  const said = judged.explained?.sources.find(({ source }) => source === "passthrough");
  if (said !== undefined) return { status: said.applies ? "works" : "no", detail: said.detail };
  const refused = failed(judged, ["user_token"]);
  if (refused !== undefined) return { status: "no", detail: `the user token is refused: ${refused.detail}` };
  return { status: "possible", detail: "for callers whose token already has the MCP server's audience." };
}

function onBehalfOf(judged: Judged): Verdict {
  const broken = failed(judged, ["tenant", "app", "credential", "resource", "user_token", "token_for_mcp"]);
  if (broken !== undefined)
    return {
      status: "no",
      detail: `fix the check "${broken.check.replaceAll("_", " ")}" first: ${broken.detail}`,
    };
  if (!configured(judged, "resource") || !configured(judged, "app"))
    return { status: "not_set_up", detail: "it needs your own app and an MCP server." };
  const said = judged.explained?.sources.find(({ source }) => source === "on_behalf_of");
  if (said === undefined)
    return {
      status: "possible",
      detail: "app, credential and resource are fine; try it with --token-file.",
    };
  return { status: said.applies ? "works" : "no", detail: said.detail };
}

function signIn(judged: Judged): Verdict {
  const { publicUrl, signInKeys, redisUrl, signInDatabaseUrl, signInFile } = judged.settings;
  if ([publicUrl, signInKeys, redisUrl, signInDatabaseUrl, signInFile].every((one) => one === undefined))
    return {
      status: "not_set_up",
      detail: "set PUBLIC_URL, SIGN_IN_KEYS and REDIS_URL, and use createSignIn() (experimental).",
    };
  const broken = failed(judged, [
    "tenant",
    "app",
    "credential",
    "resource",
    "sign_in_pages",
    "sign_in_keys",
    "sign_in_store",
  ]);
  if (broken !== undefined)
    return {
      status: "no",
      detail: `fix the check "${broken.check.replaceAll("_", " ")}" first: ${broken.detail}`,
    };
  return {
    status: "possible",
    detail: "app, resource, pages, keys and store are fine; a user has to sign in to try it.",
  };
}

function toolbox(judged: Judged): Verdict {
  const found = judged.findings.find(({ check }) => check === "toolbox");
  if (found === undefined || found.status === "skip")
    return {
      status: "not_set_up",
      detail: "set FOUNDRY_PROJECT_ENDPOINT and TOOLBOX_NAME, and use foundryToolbox().",
    };
  return found.status === "fail"
    ? { status: "no", detail: `fix the check "toolbox" first: ${found.detail}` }
    : { status: "possible", detail: "Foundry holds the grants and asks for consent." };
}

function failed({ findings }: Judged, checks: readonly string[]): Finding | undefined {
  return findings.find(({ check, status }) => status === "fail" && checks.includes(check));
}

/** Whether it is configured and its check did not fail. */
function configured({ findings, settings }: Judged, check: "app" | "resource"): boolean {
  const needed = check === "app" ? settings.clientId : settings.mcpUrl;
  return needed !== undefined && !findings.some((one) => one.check === check && one.status === "fail");
}

/** Prints the ways, below the checks. */
export function printWays(out: Terminal, ways: readonly WayFound[]): void {
  out.print();
  out.print(out.bold("Ways to a token"));
  for (const { way, status, detail, serves } of ways) {
    const paint = { works: out.green, possible: out.yellow, no: out.red, not_set_up: out.dim }[status];
    out.print(`  ${paint(status.replaceAll("_", " ").padEnd(10))}  ${way.padEnd(18)}  ${out.plain(detail)}`);
    out.print(`${" ".repeat(34)}${out.dim(`serves ${serves}`)}`);
  }
}
