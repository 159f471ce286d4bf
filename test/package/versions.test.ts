import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { aliasOf, combinations } from "./versions/versions.js";

const manifest = json<{
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}>("../../package.json");
const installed = json<{ dependencies: Record<string, string> }>("versions/package.json").dependencies;

const ranges = Object.entries({ ...manifest.dependencies, ...manifest.peerDependencies });

test.each(ranges)("the lowest and the highest versions of %s %s are played", (name, range) => {
  const played = combinations.flatMap(({ packages }) => packages[name] ?? []);
  for (const part of range.split(" || ")) {
    // A range has an upper end: the next major version is tried before it is allowed.
    expect(part).toMatch(/^\^\d+(\.\d+){0,2}$/);
    const [major = "", minor = "0", patch = "0"] = part.slice(1).split(".");
    const ofMajor = played.filter((version) => version.startsWith(`${major}.`));
    expect(ofMajor).toContain(`${major}.${minor}.${patch}`);
    expect(new Set(ofMajor).size).toBeGreaterThan(1);
  }
});

test("every version that is played is in the lockfile", () => {
  for (const { packages } of combinations)
    for (const [name, version] of Object.entries(packages))
      expect(installed[aliasOf(name, version)]).toBe(`npm:${name}@${version}`);
});

function json<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8")) as T;
}
