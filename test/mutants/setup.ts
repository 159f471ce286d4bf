import crypto, { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { promisify } from "node:util";

/** Hands out keys that the runner made: a pair of RSA keys costs a worker more than loading most test files. */
const spare: string[] = JSON.parse(readFileSync(process.env["MUTANT_KEYS"] as string, "utf8"));
const { generateKeyPair, generateKeyPairSync } = crypto;
const generate = promisify(generateKeyPair) as (...args: unknown[]) => Promise<unknown>;

/** Each key is handed out once, so two are never the same. */
function next(type: unknown, options: unknown): object | undefined {
  if (type !== "rsa" || JSON.stringify(options) !== '{"modulusLength":2048}') return undefined;
  const pem = spare.pop();
  return pem === undefined
    ? undefined
    : { privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) };
}

Object.assign(crypto, {
  generateKeyPairSync: (type: "rsa", options: { modulusLength: number }) =>
    next(type, options) ?? generateKeyPairSync(type, options),
  generateKeyPair: Object.assign((...args: Parameters<typeof generateKeyPair>) => generateKeyPair(...args), {
    [promisify.custom]: async (...args: unknown[]) => next(args[0], args[1]) ?? generate(...args),
  }),
});
syncBuiltinESMExports();
