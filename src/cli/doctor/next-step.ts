import type { Finding } from "../finding.js";
import type { WayFound } from "./ways.js";

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
