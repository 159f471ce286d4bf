import crypto, { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Vitest's setup of each test file. A pair of RSA keys costs more than most tests, and each emulator of Entra makes
 * one; so the first process that needs its third pair makes it, and every later one is handed the same third pair.
 * A process never gets a pair twice, also where files share it: two emulators have different keys, as two tenants do.
 */
(globalThis as { spareKeys?: true }).spareKeys ??= patch();

function patch(): true {
  let count = 0;
  const { generateKeyPair, generateKeyPairSync } = crypto;
  const generate = promisify(generateKeyPair) as (...args: unknown[]) => Promise<unknown>;
  const pair = (): Pair => nth(count++, () => generateKeyPairSync("rsa", { modulusLength: 2048 }));
  Object.assign(crypto, {
    generateKeyPairSync: (...args: Parameters<typeof generateKeyPairSync>) =>
      isUsual(args) ? pair() : generateKeyPairSync(...args),
    generateKeyPair: Object.assign(
      (...args: Parameters<typeof generateKeyPair>) => generateKeyPair(...args),
      { [promisify.custom]: async (...args: unknown[]) => (isUsual(args) ? pair() : generate(...args)) },
    ),
  });
  syncBuiltinESMExports();
  return true;
}

interface Pair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function isUsual([type, options]: readonly unknown[]): boolean {
  return type === "rsa" && JSON.stringify(options) === '{"modulusLength":2048}';
}

/** The pair with this number in this run. Two processes that make it at once both have a good one. */
function nth(number: number, make: () => Pair): Pair {
  const file = join(process.env["TEST_TLS_FOLDER"] ?? "", `rsa-${number}.pem`);
  try {
    const pem = readFileSync(file);
    return { privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) };
  } catch {
    const made = make();
    writeFileSync(`${file}.${process.pid}`, made.privateKey.export({ type: "pkcs8", format: "pem" }), {
      mode: 0o600,
    });
    renameSync(`${file}.${process.pid}`, file);
    return made;
  }
}
