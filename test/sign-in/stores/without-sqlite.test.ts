import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, it, vi } from "vitest";
import { sqliteStore } from "hosted-agent-identity/sign-in";

// Node 20 really has none; a newer one is made to say so.
beforeEach(() => {
  if (process.getBuiltinModule("node:sqlite") !== undefined)
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(undefined);
});

it("a Node without SQLite is told at the start, with the version that has it", async () => {
  const path = join(tmpdir(), "never-made", "sign-ins.db");
  const store = sqliteStore({ path });
  const refused = expect.objectContaining({
    code: "store_unsuitable",
    category: "config",
    message: expect.stringContaining(`Node ${process.versions.node}`),
    help: expect.stringContaining("Node 22.13 or newer"),
  });
  await expect(store.start?.()).rejects.toThrow(refused);
  await expect(store.get("grant:a")).rejects.toThrow(refused);
  await expect(stat(path)).rejects.toThrow("ENOENT");
  await store.close?.();
});
