/**
 * `npm run set-home -- https://github.com/owner/name ["Author Name"]` writes where the package lives into
 * `package.json`: `repository`, `homepage` and `bugs`, and `author` if you name one. npm needs them to resolve the
 * README's links and to check the provenance of a release.
 *
 * With `--check` in front it writes nothing, and fails where the three are not of that address.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";

const usage = 'Usage: npm run set-home -- https://github.com/<owner>/<name> ["Author Name"]';

type Manifest = Readonly<Record<string, unknown>>;

/** The three fields for the address of a repository. Throws for anything but `https://<host>/<owner>/<name>`. */
function homeOf(address: string): Manifest {
  const found = /^https:\/\/([\w.-]+)\/([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(address);
  if (found === null)
    throw new Error(`${JSON.stringify(address)} is not the address of a repository. ${usage}`);
  const [, host, owner, name] = found;
  const page = `https://${host}/${owner}/${name}`;
  return {
    homepage: `${page}#readme`,
    bugs: { url: `${page}/issues` },
    repository: { type: "git", url: `git+${page}.git` },
  };
}

/** The manifest with these fields in the order that npm's tools use, each other field where it was. */
function withHome(manifest: Manifest, home: Manifest): Manifest {
  const { homepage, bugs, repository, author, ...others } = { ...manifest, ...home };
  return Object.fromEntries(
    Object.entries(others)
      .flatMap(([name, value]) => {
        if (name === "license") return Object.entries({ homepage, bugs, license: value, author, repository });
        return [[name, value] as const];
      })
      .filter(([, value]) => value !== undefined),
  );
}

function main(args: readonly string[]): void {
  const [address = "", author] = args.filter((arg) => arg !== "--check");
  const file = resolve("package.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as Manifest;
  const home = homeOf(address);
  if (args.includes("--check")) {
    const wrong = Object.keys(home).filter((name) => !isDeepStrictEqual(manifest[name], home[name]));
    if (wrong.length === 0) return;
    throw new Error(
      `package.json has another ${wrong.join(", ")}, or none. Run: npm run set-home -- ${address}`,
    );
  }
  const fields = author === undefined ? home : { ...home, author };
  writeFileSync(file, `${JSON.stringify(withHome(manifest, fields), null, 2)}\n`);
}

try {
  main(process.argv.slice(2));
} catch (cause) {
  console.error(cause instanceof Error ? cause.message : String(cause));
  process.exitCode = 1;
}
