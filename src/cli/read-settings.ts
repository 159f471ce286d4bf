import { readFile } from "node:fs/promises";
import { cloudEndpoints, cloudOfAuthorityHost, type CloudEndpoints, isGuid } from "../entra/clouds.js";
import type { Invocation } from "./invocation.js";
import { noteSecret } from "./hide-secrets.js";
import { UsageError } from "./usage-error.js";
import { secrets, settings } from "./settings.js";

type SettingName = keyof typeof settings | keyof typeof secrets;

/** The configuration of a command; `undefined` is not set. */
export interface Settings extends Readonly<Record<SettingName, string | undefined>> {
  /** Where each value came from: a variable's name or an option. Never the value. */
  readonly origins: Readonly<Partial<Record<SettingName, string>>>;
  /** Milliseconds for each check. */
  readonly timeoutMs: number;
}

/** Reads options and environment. Notes each secret, so that nothing can print it. */
export async function readSettings({
  values,
  line: { env },
}: Pick<Invocation, "values" | "line">): Promise<Settings> {
  const read: Partial<Record<SettingName, string>> = {};
  const origins: Partial<Record<SettingName, string>> = {};
  const take = (name: SettingName, value: unknown, origin: string): boolean => {
    if (typeof value !== "string" || value === "") return false;
    read[name] = value;
    origins[name] = origin;
    return true;
  };
  for (const [name, { option, variables }] of Object.entries(settings) as [
    keyof typeof settings,
    { option?: string; variables: readonly string[] },
  ][]) {
    if (option !== undefined && take(name, values[option], `--${option}`)) continue;
    variables.some((variable) => take(name, env[variable], variable));
  }
  for (const [name, variables] of Object.entries(secrets) as [keyof typeof secrets, readonly string[]][])
    variables.some((variable) => take(name, env[variable], variable));
  const secretFile = values["secret-file"];
  if (typeof secretFile === "string") take("clientSecret", await secretOf(secretFile), "--secret-file");
  noteSecrets(read);
  const none = Object.fromEntries(
    [...Object.keys(settings), ...Object.keys(secrets)].map((name) => [name, undefined]),
  ) as Record<SettingName, undefined>;
  return { ...none, ...read, origins, timeoutMs: timeoutOf(values["timeout"]) };
}

function noteSecrets(read: Readonly<Partial<Record<SettingName, string>>>): void {
  const { clientSecret, signInKeys, redisUrl, signInDatabaseUrl } = read;
  for (const secret of [clientSecret, redisUrl, signInDatabaseUrl, ...(signInKeys ?? "").split(",")])
    noteSecret((secret ?? "").trim());
  // A URL with a password is refused with a message that quotes the URL, so the password must be hidden.
  for (const value of Object.values(read)) {
    const { password = "" } = URL.canParse(value) ? new URL(value) : {};
    noteSecret(password);
    noteSecret(decoded(password));
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function secretOf(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (cause) {
    const code = typeof cause === "object" && cause !== null && "code" in cause ? cause.code : "unknown";
    throw new UsageError(`--secret-file: the file could not be read (${String(code)}).`);
  }
}

function timeoutOf(value: unknown): number {
  if (value === undefined) return 10_000;
  const seconds = Number(value);
  if (seconds > 0 && seconds <= 120) return Math.ceil(seconds * 1000);
  throw new UsageError(`--timeout: expected 0.1 to 120 seconds, got ${JSON.stringify(value)}.`);
}

/** The cloud that the authority host names. Throws `invalid_option`. */
export function cloudOf({ authorityHost }: Settings): Required<CloudEndpoints> {
  return cloudEndpoints(cloudOfAuthorityHost(authorityHost));
}

/** The MCP server's audiences, as configured or as the quick start has them. */
export function audiencesOfResource({ audiences, mcpClientId }: Settings): readonly string[] {
  const given = (audiences ?? "").split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
  if (given.length > 0) return given;
  return mcpClientId === undefined ? [] : [mcpClientId];
}

/** The scope in full: a short name belongs to the MCP server's app. */
export function scopeOfResource({ scope = "access_as_user", mcpClientId }: Settings): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(scope) || isGuid(scope.split("/", 1)[0])) return scope;
  return mcpClientId === undefined ? undefined : `api://${mcpClientId}/${scope}`;
}
