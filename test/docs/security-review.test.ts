import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = read("docs/security-review.md");
const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.startsWith("testing"))
  .map((file) => ({ file, code: withoutComments(read(join("src", file))) }));

describe("the security review", () => {
  it("names every algorithm that the sources name, and no weak one is among them", () => {
    const named = new Set(
      sources.flatMap(({ code }) =>
        [...code.matchAll(/"((?:RS|PS|ES|HS)\d{3}|EdDSA|ed25519|sha-?\d+|md5|aes-\d+-\w+)"/gi)].map(
          ([, name]) => (name ?? "").toLowerCase().replace("sha256", "sha-256"),
        ),
      ),
    );
    expect([...named].sort()).toEqual(["aes-256-gcm", "ed25519", "ps256", "rs256", "sha-256"]);
    for (const name of named) expect(page.toLowerCase()).toContain(name);
  });

  it("counts what is installed with the package", () => {
    const { packages } = JSON.parse(read("package-lock.json")) as {
      packages: Record<string, Record<string, unknown>>;
    };
    const installed = Object.entries(packages).filter(
      ([path, { dev, devOptional, peer }]) => path !== "" && !dev && !devOptional && !peer,
    );
    expect(page).toContain(`With theirs they are ${installed.length} packages.`);
  });

  it("names the versions of Node that CI runs", () => {
    const ci = read(".github/workflows/ci.yml");
    const versions = [/node-version: (\d+)/, /node: \[(.*)\]/].flatMap((form) =>
      (form.exec(ci)?.[1] ?? "").split(", "),
    );
    expect(versions).toEqual(["20", "22", "24", "26"]);
    for (const version of versions)
      expect(page).toMatch(new RegExp(`^\\| ${version}(?:\\.19 and newer)? \\| yes \\|`, "m"));
  });

  it("has the lifetimes and limits of the code", () => {
    const held = {
      "src/tokens/token-cache.ts": [
        "maxEntries: 10_000, maxBytes: 64 * 1024 * 1024",
        "10 000 entries, 64 MiB",
      ],
      "src/sign-in/grants/grants-state.ts": [
        "lifetimeMs = 90 * 24 * 3_600_000",
        "90 days after the last use",
      ],
      "src/sign-in/grants/pin.ts": ["pinMs = 400 * 24 * 3_600_000", "| 400 days"],
      "src/sign-in/grants/account-index.ts": ["ttlMs = 400 * 24 * 3_600_000", "| 400 days"],
      "src/sign-in/binding/prompt.ts": ["promptMs = 25 * 60_000", "5 to 25 minutes"],
      "src/user-token/verify.ts": ["longestMs = 10 * 60_000", "ten minutes at most"],
      "src/user-token/signing-keys.ts": ["staleMs = 60 * 60_000", "an hour after Entra was last reached"],
    };
    for (const [file, [inCode = "", inPage = ""]] of Object.entries(held)) {
      expect({ file, code: read(file) }).toEqual({ file, code: expect.stringContaining(inCode) });
      expect(page).toContain(inPage);
    }
  });
});

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, "");
}
