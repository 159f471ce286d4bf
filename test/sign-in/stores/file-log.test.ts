import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readLog } from "../../../src/sign-in/stores/file-log.js";

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), "log-"))));
afterAll(() => rm(folder, { recursive: true }));

const heading = "hosted-agent-identity sign-in store 1\n";
const summed = (json: string): string =>
  `${createHash("sha256").update(json).digest("hex").slice(0, 16)} ${json}\n`;

async function read(...lines: string[]): Promise<unknown> {
  const path = join(folder, "store.log");
  await writeFile(path, heading + lines.map(summed).join(""));
  return readLog(path);
}

it("reads values and deletions, in their order", async () => {
  expect(await read('[["a","1",5],["b",null,null]]', "[]")).toEqual([
    ["a", { value: "1", expiresAt: 5 }],
    ["b", undefined],
  ]);
});

it.each([
  "{}",
  "null",
  "not json",
  "[5]",
  "[[5,null,null]]",
  '[["a"]]',
  '[["a","1",null]]',
  '[["a",{},5]]',
  '[["a","1","5"]]',
])("a line that fits its checksum and is none of ours is damage: %s", async (json) => {
  await expect(read('[["a","1",5]]', json)).rejects.toMatchObject({
    code: "store_corrupt",
    message: expect.stringContaining("line 3"),
  });
});
