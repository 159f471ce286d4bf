import { generateKeyPair } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A file of new keys for `setup.ts`, until it is disposed of. They guard nothing but test users. */
export async function spareKeys(count: number): Promise<AsyncDisposable & { readonly file: string }> {
  const folder = await mkdtemp(join(tmpdir(), "mutant-keys-"));
  const pairs = await Promise.all(
    Array.from({ length: count }, () => promisify(generateKeyPair)("rsa", { modulusLength: 2048 })),
  );
  const file = join(folder, "keys.json");
  const pems = pairs.map(({ privateKey }) => privateKey.export({ type: "pkcs8", format: "pem" }));
  await writeFile(file, JSON.stringify(pems), { mode: 0o600 });
  return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
