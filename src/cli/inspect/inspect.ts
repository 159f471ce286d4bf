import { decodeClaims } from "../../entra/token-claims.js";
import { decodeHeader, malformed } from "../../user-token/token-checks.js";
import type { Invocation } from "../invocation.js";
import { failure, printFindings, type Finding } from "../finding.js";
import { noteSecret } from "../hide-secrets.js";
import { readToken } from "../read-text.js";
import { readSettings } from "../read-settings.js";
import { UsageError } from "../usage-error.js";
import { explainedClaims, printClaims } from "./claims.js";
import { goodFor } from "./good-for.js";
import { tokenFindings } from "./token-findings.js";
import { checkSignature } from "./signature.js";

/** The command `inspect`: true if it found no problem. */
export async function inspect({ values, positionals, line, out, signal }: Invocation): Promise<boolean> {
  const [from = "-", ...more] = positionals;
  if (more.length > 0)
    throw new UsageError("inspect takes one file.", "See hosted-agent-identity inspect --help.");
  const settings = await readSettings({ values, line });
  const token = await readToken(from, line);
  noteSecret(token);
  const header = token.split(".").length === 3 ? decodeHeader(token) : undefined;
  const claims = decodeClaims(token);
  if (header === undefined || claims === undefined) {
    const finding = failure("form", malformed(token));
    if (values["json"] === true) out.json({ command: "inspect", ok: false, checks: [finding] });
    else printFindings(out, [finding]);
    return false;
  }
  const offline = values["offline"] === true;
  const signature = await checkSignature({ token, header, claims, settings, offline, signal });
  const checks: readonly Finding[] = [signature, ...tokenFindings(claims, settings)];
  const ok = checks.every(({ status }) => status !== "fail");
  const ways = goodFor(claims, settings);
  const explained = explainedClaims(claims);
  if (values["json"] === true) {
    out.json({ command: "inspect", ok, header: shown(header), claims: explained, checks, good_for: ways });
    return ok;
  }
  out.print(out.bold("Header"));
  for (const [name, value] of Object.entries(shown(header)))
    out.print(`  ${out.plain(name.padEnd(6))} ${out.plain(value)}`);
  out.print();
  out.print(out.bold("Claims"));
  printClaims(out, explained);
  out.print();
  out.print(out.bold("Judged"));
  printFindings(out, checks);
  out.print();
  out.print(out.bold("Good for"));
  for (const { way, detail } of ways) out.print(`  ${way.padEnd(18)} ${out.plain(detail)}`);
  return ok;
}

function shown(header: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const known = ["alg", "kid", "typ", "x5t", "nonce"].flatMap((name) => {
    const value = header[name];
    return value === undefined
      ? []
      : [[name, name === "nonce" ? "(present)" : JSON.stringify(value).slice(0, 120)] as const];
  });
  return Object.fromEntries(known);
}
