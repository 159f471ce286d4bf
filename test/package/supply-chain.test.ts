import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
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

test("what comes with the package is two packages at exact versions, and every one of theirs has a hash", () => {
  expect(Object.keys(manifest.dependencies)).toEqual(["@azure/msal-node", "jose"]);
  for (const version of Object.values(manifest.dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(installed.length).toBeGreaterThan(2);
  expect(installed.filter(([, { integrity }]) => !integrity?.startsWith("sha512-"))).toEqual([]);
});

function json<T>(file: string): T {
  return JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")) as T;
}
