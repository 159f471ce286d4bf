/**
 * What a program here says to the run that started it: its settings come in as JSON, its checks go out, one a line.
 */
import { readFileSync } from "node:fs";

export interface Settings {
  readonly url: string;
  readonly projectEndpoint: string;
  readonly headers: Record<string, string>;
  readonly oid: string;
}

export const settings: Settings = JSON.parse(readFileSync(0, "utf8"));

export function versions(...names: string[]): void {
  const of = (name: string): string => {
    const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
    return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
  };
  say({
    versions: `${names.map((name) => `${name} ${of(name)}`).join(", ")}, Node ${process.versions.node}`,
  });
}

/** One check: whatever is thrown in it is what went wrong. */
export async function check(name: string, look: () => Promise<void> | void): Promise<void> {
  try {
    await look();
    say({ check: name });
  } catch (error) {
    say({ check: name, problem: String(error).slice(0, 2_000) });
  }
}

/** A link is never printed, so no message compares it. */
export function isConsentLink(link: unknown): boolean {
  return typeof link === "string" && link.startsWith("https://login.microsoftonline.com/");
}

function say(what: object): void {
  console.log(`@${JSON.stringify(what)}`);
}
