import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fileStore, type SignInStore } from "hosted-agent-identity/sign-in";
import { compiled } from "../../support/compiled.js";

const hour = 3_600_000;
const writer = compiled(new URL("file-writer.ts", import.meta.url));

let path: string;
const opened: SignInStore[] = [];

beforeEach(async () => {
  path = join(await mkdtemp(join(tmpdir(), "store-")), "data", "sign-ins");
});

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const store of opened.splice(0)) await store.close?.();
  await rm(dirname(dirname(path)), { recursive: true });
});

async function open(options: { path?: string; maxEntries?: number; now?: () => number } = {}) {
  const store = fileStore({ path, ...options });
  opened.push(store);
  await store.start?.();
  return store;
}

const coded = (code: string, message = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string });

describe("what was reported stored", () => {
  it("is there after a restart, with its lifetime; only the owner can read the file", async () => {
    let now = 1_000_000;
    const first = await open({ now: () => now });
    await first.setIfAbsent("short", "a", 1_000);
    await first.setIfAbsent("long", "b", hour);
    await first.setIfAbsent("taken", "c", hour);
    await first.take("taken");
    await first.increment("count", 1_000);
    await first.increment("count", hour);
    await first.close?.();
    expect(await readdir(dirname(path))).toEqual(["sign-ins"]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);

    now += 500;
    const second = await open({ now: () => now });
    expect(await second.get("short")).toBe("a");
    expect(await second.get("long")).toBe("b");
    expect(await second.get("taken")).toBeUndefined();
    expect(await second.increment("count", hour)).toBe(3);
    now += 500;
    expect(await second.get("short")).toBeUndefined();
    expect(await second.get("count")).toBeUndefined();
  });

  it("survives kill -9 at any moment, also while the file is written anew", async () => {
    // With values of 200 kB every sixth write or so starts the file anew.
    for (const [round, size] of [10, 10, 200_000, 200_000, 200_000].entries()) {
      const { acknowledged } = await killedAfter(3 + 7 * round, size);
      const store = await open();
      const count = Number(await store.get("count"));
      // One more may have been stored than was reported, none less.
      const last =
        (await store.get(`record ${acknowledged}`)) ?? (await store.get(`record ${acknowledged + 1}`));
      expect(last?.length).toBe(size);
      expect([acknowledged + 1, acknowledged + 2]).toContain(count);
      await store.close?.();
      await rm(path);
    }
  }, 60_000);

  it("survives a line that was cut anywhere, and a write afterwards goes to a whole file", async () => {
    const store = await open();
    await store.setIfAbsent("a", "1", hour);
    const before = (await stat(path)).size;
    await store.setIfAbsent("b", "grüße", hour);
    await store.close?.();
    const whole = await readFile(path);
    for (let cut = before; cut < whole.length; cut += 1) {
      await writeFile(path, whole.subarray(0, cut));
      const again = await open();
      expect(await again.get("a")).toBe("1");
      expect([undefined, "grüße"]).toContain(await again.get("b"));
      await again.setIfAbsent("c", "3", hour);
      await again.close?.();
      expect(await (await open()).get("c")).toBe("3");
      await opened.pop()?.close?.();
    }
  });

  it("stays when old writes are cleared out of the file", async () => {
    const store = await open();
    await store.setIfAbsent("kept", "k", hour);
    const value = "x".repeat(100_000);
    for (let n = 0; n < 60; n += 1) {
      await store.setIfAbsent(`n${n}`, value, hour);
      await store.delete(`n${n}`);
    }
    // 6 MB were written; what is kept fits into a few bytes.
    expect((await stat(path)).size).toBeLessThan(1.5 * 1024 * 1024);
    await store.close?.();
    expect(await (await open()).get("kept")).toBe("k");
  });

  it("is exactly what the caller was told when the disk is full", async () => {
    const { lines } = await runWriter(50_000, ["-c", `trap '' XFSZ; ulimit -f 700; exec "$0" "$@"`]);
    const failure = JSON.parse(lines.at(-1) ?? "{}") as Failure;
    expect(failure).toMatchObject({ code: "store_unavailable", message: expect.stringContaining("EFBIG") });
    // Nothing of the refused write is there, and the next one that fits is taken.
    expect(failure.seen).toMatchObject({ record: null, small: true });
    const store = await open();
    expect(await store.get("count")).toBe(failure.seen.count);
    expect(await store.get(`record ${failure.n}`)).toBeUndefined();
    expect(await store.get("small")).toBe("s");
  }, 60_000);
});

describe("writing the file anew", () => {
  it("leaves the old one whole when it stops in the middle", async () => {
    const store = await open();
    await store.setIfAbsent("large", "x".repeat(500_000), hour);
    await store.close?.();
    const whole = await readFile(path);
    const { lines } = await runWriter(10, ["-c", `trap '' XFSZ; ulimit -f 300; exec "$0" "$@"`]);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ code: "store_unavailable" });
    expect(await readFile(path)).toEqual(whole);
    expect(await (await open()).get("large")).toHaveLength(500_000);
    await opened.pop()?.close?.();
    expect(await readdir(dirname(path))).toEqual(["sign-ins"]);
  });
});

describe("a damaged file", () => {
  it("is refused with a code and left as it is, whichever byte was changed", async () => {
    const store = await open();
    await store.setIfAbsent("a", "1", hour);
    await store.increment("b", hour);
    await store.close?.();
    const whole = await readFile(path);
    for (let at = 0; at < whole.length; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      await writeFile(path, damaged);
      await expect(open(), `byte ${at}`).rejects.toThrow(coded("store_corrupt", JSON.stringify(path)));
      expect(await readFile(path)).toEqual(damaged);
    }
    await writeFile(path, whole);
    expect(await (await open()).get("b")).toBe("1");
  });

  it.each(["", "hosted-agent", "something else\n", "\u0000".repeat(50)])("is refused: %j", async (text) => {
    await (await open()).close?.();
    await writeFile(path, text);
    await expect(open()).rejects.toThrow(coded("store_corrupt"));
    expect(await readFile(path, "utf8")).toBe(text);
  });
});

describe("one process", () => {
  it("uses the file: a second store is refused, until the first is closed", async () => {
    const first = await open();
    await expect(open()).rejects.toThrow(coded("store_unsuitable", "in use by this process"));
    const alias = join(dirname(path), "alias");
    await symlink(path, alias);
    await expect(open({ path: alias })).rejects.toThrow(coded("store_unsuitable"));
    await first.close?.();
    expect(await (await open({ path: alias })).setIfAbsent("a", "1", hour)).toBe(true);
  });

  it("that is another one is named, and what it leaves when it is killed is taken over at once", async () => {
    const args = [writer, path];
    const other = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve) =>
      createInterface(other.stdout).on("line", (line) => line === "0" && resolve()),
    );
    await expect(open()).rejects.toThrow(coded("store_unsuitable", `in use by process ${other.pid}`));
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(await readdir(dirname(path))).toContain("sign-ins.lock");
    expect(await (await open()).get("count")).toMatch(/^[1-9]/);
  });

  it("that has lost its lock writes nothing any more, and says so", async () => {
    const store = await open();
    await store.setIfAbsent("a", "1", hour);
    await writeFile(`${path}.lock`, "{}");
    const before = await readFile(path);
    await expect(store.setIfAbsent("b", "2", hour)).rejects.toThrow(coded("store_unavailable", "no longer"));
    await expect(store.take("a")).rejects.toThrow(coded("store_unavailable"));
    expect([await store.get("a"), await store.get("b")]).toEqual(["1", undefined]);
    expect(await readFile(path)).toEqual(before);
    await store.close?.();
    expect(await readFile(`${path}.lock`, "utf8")).toBe("{}");
  });
});

it("does not start in a hosted sandbox, and names the shared store", async () => {
  vi.stubEnv("FOUNDRY_HOSTING_ENVIRONMENT", "foundry");
  const refused = expect.objectContaining({
    code: "store_unsuitable",
    help: expect.stringContaining("redisStore()"),
  });
  await expect(open()).rejects.toThrow(refused);
  await expect(opened[0]?.get("a")).rejects.toThrow(refused);
  await expect(stat(dirname(path))).rejects.toThrow("ENOENT");
});

it("a folder that cannot be used gives a coded error, and so does a full store", async () => {
  await (await open({ maxEntries: 1 })).setIfAbsent("a", "1", hour);
  await expect(opened[0]?.setIfAbsent("b", "2", hour)).rejects.toThrow(
    coded("store_unavailable", "maxEntries 1"),
  );
  const below = join(path, "below", "file");
  await expect(open({ path: below })).rejects.toThrow(coded("store_unavailable", "ENOTDIR"));
});

/** What the writer says of a write that was refused. */
interface Failure {
  readonly n: number;
  readonly code: string;
  readonly message: string;
  readonly seen: { readonly count: string; readonly record: string | null; readonly small: boolean };
}

/** Runs the writer until it ends by itself; `bash` wraps it into a shell with limits. */
async function runWriter(size: number, bash: readonly string[]): Promise<{ lines: string[] }> {
  const args = [...bash, process.execPath, writer, path, String(size)];
  const child = spawn("bash", args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout)) lines.push(line);
  return { lines };
}

/** Kills the writer when it has reported so many writes; gives the last one it reported. */
async function killedAfter(writes: number, size: number): Promise<{ acknowledged: number }> {
  const args = [writer, path, String(size)];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // Its output ends before the process does, and until then the file is in use.
  const ended = once(child, "exit");
  let acknowledged = -1;
  for await (const line of createInterface(child.stdout)) {
    if (line !== "started") acknowledged = Number(line);
    if (acknowledged >= writes) child.kill("SIGKILL");
  }
  await ended;
  return { acknowledged };
}
