import { printFindings, type Finding } from "../finding.js";
import { noteSecret } from "../hide-secrets.js";
import type { Invocation } from "../invocation.js";
import { readSettings } from "../read-settings.js";
import { readToken } from "../read-text.js";
import { UsageError } from "../usage-error.js";
import { checkCredential } from "./credential.js";
import { checkEnvironment } from "./environment.js";
import { checkMcpServer } from "./mcp-server.js";
import { checkResource } from "./resource.js";
import { checkSignIn } from "./sign-in.js";
import { checkTenant } from "./tenant.js";
import { checkToolbox } from "./toolbox.js";
import { checkUserToken, type CheckedUser } from "./user-token.js";
import { printWays, waysFrom, type WayFound } from "./ways.js";

/** The command `doctor`: true when no check failed. */
export async function doctor({ values, positionals, line, out, signal }: Invocation): Promise<boolean> {
  if (positionals.length > 0)
    throw new UsageError("doctor takes options only.", "See hosted-agent-identity doctor --help.");
  const settings = await readSettings({ values, line });
  const tokenFile = values["token-file"];
  const token = typeof tokenFile === "string" ? await readToken(tokenFile, line) : undefined;
  if (token !== undefined) noteSecret(token);

  const { findings: environment, app, resource } = checkEnvironment(settings, line.env);
  const asked = { settings, timeoutMs: settings.timeoutMs, signal };
  // All checks that send requests run at once, except those that need another check's result.
  const [entra, mcp, toolbox, signIn] = await Promise.all([
    checkEntra(),
    checkMcpServer({ ...asked, resource }),
    checkToolbox(asked),
    checkSignIn({ ...asked, env: line.env }),
  ]);
  async function checkEntra(): Promise<{ findings: readonly Finding[]; user: CheckedUser }> {
    const tenant = await checkTenant({ ...asked, app });
    const known = tenant.every(({ status }) => status !== "fail");
    const credential = await checkCredential({ ...asked, app, known });
    const usable = credential.every(({ status }) => status === "ok");
    const about = await checkResource({ ...asked, app, resource, usable });
    const user = await checkUserToken({ ...asked, app, resource, token, usable });
    return { findings: [...tenant, ...credential, ...about, ...user.findings], user };
  }
  const findings = [...environment, ...entra.findings, ...mcp, ...toolbox, ...signIn];
  const ways = waysFrom({ findings, explained: entra.user.explained, settings, token: token !== undefined });
  await app?.close();

  const ok = findings.every(({ status }) => status !== "fail");
  const next = nextStep({ findings, ways, token: token !== undefined });
  if (values["json"] === true) out.json({ command: "doctor", ok, checks: findings, ways, next });
  else {
    printFindings(out, findings);
    printWays(out, ways);
    const failed = findings.filter(({ status }) => status === "fail").length;
    out.print();
    out.print(
      ok ? out.green("No check failed.") : out.red(`${failed} ${failed === 1 ? "check" : "checks"} failed.`),
    );
    out.print(`${out.bold("next:")} ${out.plain(next)}`);
  }
  return ok;
}

/** What doctor found. */
interface Found {
  readonly findings: readonly Finding[];
  readonly ways: readonly WayFound[];
  /** Whether a user token was given. */
  readonly token: boolean;
}

/**
 * The one thing to do next: the first failed check. Later checks depend on earlier ones and may have failed
 * because of it.
 */
export function nextStep({ findings, ways, token }: Found): string {
  const {
    check,
    detail,
    fix = detail,
  } = findings.find(({ status }) => status === "fail") ??
  findings.find(({ status, fix }) => status === "warn" && fix !== undefined) ??
  {};
  if (check !== undefined) return `${named(check)}: ${fix ?? ""}`;
  const works = ways.find(({ status }) => status === "works");
  if (works !== undefined) return `Nothing left to do here: ${works.way} works for this user token.`;
  const possible = ways.find(({ status, way }) => status === "possible" && way !== "developer");
  if (possible === undefined) return "Set up one of the ways above; the guide Which way helps you choose.";
  if (token || possible.way === "toolbox" || possible.way === "sign_in")
    return `Start your agent and send it a request: ${possible.way} can be tried only there.`;
  return "Try it for one user: hosted-agent-identity doctor --token-file <file with the user's token>.";
}

function named(check: string): string {
  return check.replaceAll("_", " ");
}
