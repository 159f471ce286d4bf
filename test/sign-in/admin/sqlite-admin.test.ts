import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { sqliteStore } from "hosted-agent-identity/sign-in";
import { operatorCases } from "./operator-cases.js";

let folder: string;
let opened = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "operator-"));
});
afterAll(() => rm(folder, { recursive: true }));

operatorCases(async () => {
  opened += 1;
  return sqliteStore({ path: join(folder, `${opened}.db`) });
});
