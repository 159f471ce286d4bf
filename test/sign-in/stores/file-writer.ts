/**
 * A process that uses a file store until it is killed: prints a line for everything that was reported stored.
 * `file-writer.ts <path> <size of a value>`
 */
import { writeSync } from "node:fs";
import { fileStore } from "hosted-agent-identity/sign-in";

const [path = "", size = "10"] = process.argv.slice(2);
const store = fileStore({ path });
try {
  await store.start?.();
  writeSync(1, "started\n");
} catch (error) {
  writeSync(1, `${JSON.stringify(error)}\n`);
  process.exit(1);
}

const hour = 3_600_000;
for (let n = 0; ; n += 1) {
  const value = `${n}`.padEnd(Number(size), "x");
  try {
    await Promise.all([
      store.setIfAbsent(`record ${n}`, value, hour),
      store.increment("count", hour),
      n > 0 ? store.delete(`record ${n - 1}`) : undefined,
    ]);
    writeSync(1, `${n}\n`);
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    const [count, record] = [await store.get("count"), (await store.get(`record ${n}`)) ?? null];
    const small = await store.setIfAbsent("small", "s", hour);
    const seen = { count, record, small };
    writeSync(1, `${JSON.stringify({ n, code, message, seen })}\n`);
    await store.close?.();
    break;
  }
}
