import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsx = join(root, "node_modules/tsx/dist/cli.mjs");
const homeFields = ["author", "bugs", "homepage", "repository"];
const homeless = Object.fromEntries(
  Object.entries(manifestOf(root)).filter(([name]) => !homeFields.includes(name)),
);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "home-"));
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(homeless, null, 2)}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("set-home writes where the package lives, and nothing else", async () => {
  expect(await setHome("https://github.com/owner/name")).toEqual({ failed: false, said: "" });
  const { repository, homepage, bugs, ...others } = manifestOf(folder);
  expect({ repository, homepage, bugs }).toEqual({
    repository: { type: "git", url: "git+https://github.com/owner/name.git" },
    homepage: "https://github.com/owner/name#readme",
    bugs: { url: "https://github.com/owner/name/issues" },
  });
  expect(Object.entries(others)).toEqual(Object.entries(homeless));
  // Again, as after a move, and with an author.
  await setHome("https://github.com/new/name.git", "Ada");
  expect(manifestOf(folder)).toMatchObject({
    author: "Ada",
    bugs: { url: "https://github.com/new/name/issues" },
  });
  expect(Object.keys(manifestOf(folder))).toHaveLength(Object.keys(homeless).length + 4);
});

test("set-home --check fails until the package lives there, and writes nothing", async () => {
  const before = readFileSync(join(folder, "package.json"), "utf8");
  const { failed, said } = await setHome("--check", "https://github.com/owner/name");
  expect([failed, said]).toEqual([true, expect.stringContaining("homepage, bugs, repository")]);
  expect(readFileSync(join(folder, "package.json"), "utf8")).toBe(before);
  await setHome("https://github.com/owner/name");
  expect(await setHome("--check", "https://github.com/owner/name")).toEqual({ failed: false, said: "" });
  expect((await setHome("--check", "https://github.com/somebody/else")).failed).toBe(true);
});

test.each([
  "",
  "http://github.com/owner/name",
  "https://github.com/owner",
  "https://u:p@github.com/o/n",
  "https://x/o/n?q",
])("set-home refuses %j", async (address) => {
  const { failed, said } = await setHome(address);
  expect([failed, said]).toEqual([true, expect.stringContaining("Usage: npm run set-home")]);
  expect(manifestOf(folder)).toEqual(homeless);
});

test("a release checks the address, and brings its bill of materials", () => {
  const steps = readFileSync(join(root, ".github/workflows/release.yml"), "utf8");
  const [check, publish] = ["npm run set-home -- --check", "npm publish"].map((step) => steps.indexOf(step));
  expect(check).toBeGreaterThan(0);
  expect(publish).toBeGreaterThan(check ?? 0);
  expect(steps).toContain("npm run sbom -- ");
});

test("the bill of materials has all that is installed with the package, each with its hash", async () => {
  const file = join(folder, "sbom.json");
  await promisify(execFile)(process.execPath, [tsx, "build/sbom.ts", file], { cwd: root });
  const sbom = json<{ metadata: { component: { name: string } }; components: Component[] }>(file);
  expect(sbom.metadata.component.name).toBe("hosted-agent-identity");
  const lock = json<{ packages: Record<string, { version: string }> }>(join(root, "package-lock.json"));
  const named = sbom.components.map(({ name, version }) => `${name} ${version}`);
  for (const name of ["@azure/msal-node", "@azure/msal-common", "jose", "jsonwebtoken", "jws"])
    expect(named).toContain(`${name} ${lock.packages[`node_modules/${name}`]?.version}`);
  expect(sbom.components.filter(({ hashes }) => hashes?.[0]?.alg !== "SHA-512")).toEqual([]);
  expect(named.filter((name) => /vitest|express/.test(name))).toEqual([]);
}, 60_000);

interface Component {
  readonly name: string;
  readonly version: string;
  readonly hashes?: readonly { readonly alg: string }[];
}

async function setHome(...args: string[]): Promise<{ readonly failed: boolean; readonly said: string }> {
  const run = promisify(execFile)(process.execPath, [tsx, join(root, "build/set-home.ts"), ...args], {
    cwd: folder,
  });
  return run.then(
    ({ stdout, stderr }) => ({ failed: false, said: stdout + stderr }),
    (cause: { stderr: string }) => ({ failed: true, said: cause.stderr }),
  );
}

function manifestOf(path: string): Record<string, unknown> {
  return json(join(path, "package.json"));
}

function json<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}
