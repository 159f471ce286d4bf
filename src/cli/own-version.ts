import { createRequire } from "node:module";

/** The version of this package, found by its own name: the same from the sources and from the build. */
export function ownVersion(): string {
  const facts = createRequire(import.meta.url)("hosted-agent-identity/package.json") as { version: string };
  return facts.version;
}
