import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Ran {
  readonly code: number;
  /** Everything that was printed. */
  readonly all: string;
  /** What was printed about each target. */
  readonly said: ReadonlyMap<string, string>;
}

/** Runs the fuzzer on parsers that have a fault each. */
function fuzzed(...options: readonly string[]): Promise<Ran> {
  const tsx = "node_modules/tsx/dist/cli.mjs";
  const all = [tsx, "test/fuzz/run.ts", "--targets", "test/fuzz/faulty/targets", "--seed", "1", ...options];
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: root }, (error, stdout) => {
      const said = stdout.split(/\n(?=[a-z]+ {9})/).map((text) => [text.split(" ")[0] ?? "", text] as const);
      resolve({ code: typeof error?.code === "number" ? error.code : 0, all: stdout, said: new Map(said) });
    });
  });
}

describe("the fuzzer", () => {
  let ran: Ran;
  beforeAll(async () => void (ran = await fuzzed("--runs", "2000")), 60_000);

  it.each([
    ["leaky", "leaks: shows"],
    ["slow", "slow: took more than 100 ms, four times"],
    ["wrong", "wrong: a token with a comma"],
    ["silent", "hangs: did not settle"],
    ["unreached", "fewer than 95 % of the branches were reached"],
  ])("finds what is wrong with a parser that is %s", (name, finding) => {
    expect(ran.said.get(name)).toContain(finding);
  });

  it("says how to see it again, and fails", () => {
    expect(ran.said.get("leaky")).toContain('npm run test:fuzz -- --seed 1 --runs 2000 --only "leaky"');
    expect(ran.code).toBe(1);
  });

  it("has nothing to say about a good parser", async () => {
    expect(ran.said.get("good")).not.toContain("!");
    expect(ran.all).toMatch(/good: characters from 125000 to 1000000: at most [\d.]+ times half of it/);
    expect((await fuzzed("--runs", "2000", "--only", "good")).code).toBe(0);
  }, 60_000);

  it("doubles sizes, and shows a parser whose cost for each character grows with their number", () => {
    expect(ran.all).toMatch(/! grows: \d+ characters cost [\d.]+ times as much for each as \d+ characters/);
    expect(ran.all).toMatch(
      /! grows: \d+ characters beside counting cost [\d.]+ times counting them, and 2 is/,
    );
  });

  it("measures what costs too much again, and says nothing if it happened once", () => {
    expect(ran.all).toMatch(/to be measured again: 2000 letters cost [\d.]+ times/);
    expect(ran.all).not.toMatch(/! grows: \d+ letters/);
  });

  it("shows a parser that refuses an input within its documented limits", () => {
    expect(ran.all).toContain("! grows: 1 commas: HostedAgentIdentityError: That is no token.");
  });
});

it("finds an error that only inputs lead to which were kept for the branches they reached", async () => {
  const [guided, blind] = await Promise.all([
    fuzzed("--runs", "60000", "--only", "rare"),
    fuzzed("--runs", "60000", "--only", "rare", "--blind"),
  ]);
  expect(guided.said.get("rare")).toContain("throws: TypeError");
  expect(blind.said.get("rare")).not.toContain("TypeError");
}, 60_000);
