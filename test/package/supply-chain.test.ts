import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  readonly version?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
  readonly hasInstallScript?: boolean;
  readonly integrity?: string;
}

const manifest = json<{
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
}>("package.json");
const lock = json<{ packages: Record<string, Locked> }>("package-lock.json");

/** What somebody who installs this package gets with it. */
const installed = Object.entries(lock.packages).filter(
  ([path, { dev, devOptional, peer }]) => path !== "" && !dev && !devOptional && !peer,
);

test("nothing runs when the package is installed: neither a script of ours nor of what comes with it", () => {
  const atInstall = ["preinstall", "install", "postinstall", "prepare"];
  expect(Object.keys(manifest.scripts).filter((name) => atInstall.includes(name))).toEqual([]);
  expect(installed.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test("what comes with the package is two packages of one major version, tested at the lowest, each of theirs with a hash", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["@azure/msal-node", "jose"]);
  // A fix of a dependency reaches people without a release of ours; what CI runs with is the lowest that is allowed.
  for (const [name, range] of Object.entries(manifest.dependencies))
    expect(range).toBe(`^${lock.packages[`node_modules/${name}`]?.version}`);
  expect(installed.length).toBeGreaterThan(2);
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
});

function json<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")) as T;
}
