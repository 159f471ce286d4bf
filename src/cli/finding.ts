import { isHostedAgentIdentityError } from "../errors.js";
import type { Terminal } from "./terminal.js";

/** The result of a check. `skip` is a check that did not run; `detail` says why. */
export interface Finding {
  readonly check: string;
  readonly status: "ok" | "warn" | "fail" | "skip";
  readonly detail: string;
  /** What to do next. */
  readonly fix?: string | undefined;
  /** A code that `explain` knows. */
  readonly code?: string | undefined;
}

/** A failed check. */
export function failure(check: string, error: unknown): Finding {
  if (!isHostedAgentIdentityError(error)) return { check, status: "fail", detail: unexpected(error) };
  const { message: detail, help: fix, code } = error;
  return { check, status: "fail", detail, fix, code };
}

/** Another package's message may hold anything: its name and the system's code say enough. */
function unexpected(error: unknown): string {
  const name = error instanceof Error ? error.name : typeof error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return `An unexpected ${JSON.stringify(name)}${typeof code === "string" ? ` (${JSON.stringify(code)})` : ""}.`;
}

/** Prints findings, one below the other. */
export function printFindings(out: Terminal, findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length), 0);
  for (const { check, status, detail, fix } of findings) {
    const paint = { ok: out.green, warn: out.yellow, fail: out.red, skip: out.dim }[status];
    out.print(
      `${paint(status.padEnd(4))}  ${out.plain(check.replaceAll("_", " ")).padEnd(width)}  ${out.plain(detail)}`,
    );
    if (fix !== undefined && status !== "ok")
      out.print(`${" ".repeat(width + 8)}${out.bold("fix:")} ${out.plain(fix)}`);
  }
}
