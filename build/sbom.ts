/**
 * `npm run sbom -- <file>` writes the software bill of materials of what a user installs, as CycloneDX JSON.
 *
 * `npm sbom --omit=dev` here would name one package: it loses what the direct dependencies need. So npm is asked in a
 * folder that has nothing but the dependencies of this package, in the versions of the lockfile.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface Locked {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly peer?: boolean;
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("Usage: npm run sbom -- <file>");
const { name, version, license, dependencies } = json<Record<string, unknown>>("package.json");
const { packages, ...lock } = json<{ packages: Readonly<Record<string, Locked>> }>("package-lock.json");

const manifest = { name, version, license, dependencies };
const installed = Object.entries(packages).filter(
  ([path, { dev, devOptional, peer }]) => path !== "" && !dev && !devOptional && !peer,
);
const work = mkdtempSync(join(tmpdir(), "sbom-"));
try {
  // npm takes the name of the component from the folder.
  const folder = join(work, String(name));
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  writeFileSync(
    join(folder, "package-lock.json"),
    JSON.stringify({ ...lock, packages: { "": manifest, ...Object.fromEntries(installed) } }),
  );
  const args = ["sbom", "--package-lock-only", "--sbom-format=cyclonedx", "--sbom-type=library"];
  writeFileSync(file, execFileSync("npm", args, { cwd: folder }));
} finally {
  rmSync(work, { recursive: true, force: true });
}

function json<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
