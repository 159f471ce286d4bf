import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { keyring } from "../../src/sealing/keyring.js";

const master = new Uint8Array(randomBytes(32));
const keys = keyring([master]);
const binding = ["agent", "principal"];

const contextOf = (purpose: string, parts: readonly string[]): Buffer =>
  Buffer.from(JSON.stringify(["hosted-agent-identity/1", purpose, ...parts]));

/** RFC 5869, as Node.js has it. */
const keyOf = (context: Buffer): Buffer =>
  Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), context, 32));

/** Opens a record with the key and the authenticated data of one context. */
function openedAs(context: Buffer, sealed: string, aad: Buffer = context): string {
  const bytes = Buffer.from(sealed, "base64url");
  const decipher = createDecipheriv("aes-256-gcm", keyOf(context), bytes.subarray(4, 16));
  decipher.setAAD(aad);
  decipher.setAuthTag(bytes.subarray(16, 32));
  return decipher.update(bytes.subarray(32), undefined, "utf8") + decipher.final("utf8");
}

/** Seals like the keyring, but with whatever contexts the caller wants. */
function sealedWith(contexts: { key: Buffer; aad: Buffer; repeated: Buffer }, like: string): string {
  const [id, nonce] = [Buffer.from(like, "base64url").subarray(0, 4), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", keyOf(contexts.key), nonce);
  cipher.setAAD(contexts.aad);
  const text = Buffer.concat([
    hash("sha256", contexts.repeated, "buffer"),
    Buffer.from('{"value":"forged"}'),
  ]);
  const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([id, nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

it("derives the key of a record with HKDF-SHA-256 from what it is for, authenticates and repeats that", () => {
  const context = contextOf("grant", binding);
  const text = openedAs(context, keys.seal("grant", binding, { secret: 1 }));
  const repeated = hash("sha256", context, "buffer").toString();
  expect(text).toBe(`${repeated}{"value":{"secret":1}}`);
});

it("derives keys from names of any length", () => {
  const long = ["agent", "x".repeat(5_000)];
  expect(keys.open("pin", long, keys.seal("pin", long, "value"))).toBe("value");
});

it("opens records of more names than it keeps keys of, with the key of each", () => {
  const names = Array.from({ length: 4_200 }, (_, number) => ["agent", `user ${number}`]);
  const sealed = names.map((name, number) => keys.seal("pin", name, number));
  expect(names.map((name, number) => keys.open("pin", name, sealed[number] ?? ""))).toEqual(
    names.map((_, number) => number),
  );
  expect(keys.open("pin", names[1] ?? [], sealed[0] ?? "")).toBeUndefined();
});

it("has a key of its own for every record", () => {
  const sealed = keys.seal("grant", binding, 1);
  const others = [contextOf("pin", binding), contextOf("grant", ["agent", "other"]), contextOf("grant", [])];
  for (const other of others)
    expect(() => openedAs(other, sealed, contextOf("grant", binding))).toThrow("authenticate");
});

it("opens nothing whose key, authenticated data or repeated context is another's", () => {
  const own = contextOf("grant", binding);
  const like = keys.seal("grant", binding, 1);
  const opened = (contexts: Partial<{ key: Buffer; aad: Buffer; repeated: Buffer }>): unknown =>
    keys.open("grant", binding, sealedWith({ key: own, aad: own, repeated: own, ...contexts }, like));
  expect(opened({})).toBe("forged");
  for (const other of [contextOf("pin", binding), contextOf("grant", ["agent", "principaL"])]) {
    expect(opened({ key: other })).toBeUndefined();
    expect(opened({ aad: other })).toBeUndefined();
    expect(opened({ repeated: other })).toBeUndefined();
  }
  expect(opened({ repeated: Buffer.alloc(0) })).toBeUndefined();
});

it("opens nothing that was changed, cut or is no record", () => {
  const sealed = keys.seal("grant", binding, { secret: 1 });
  const bytes = Buffer.from(sealed, "base64url");
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(keys.open("grant", binding, changed.toString("base64url"))).toBeUndefined();
    expect(keys.open("grant", binding, bytes.subarray(0, at).toString("base64url"))).toBeUndefined();
  }
  for (const text of ["", "?", "x".repeat(200)]) expect(keys.open("grant", binding, text)).toBeUndefined();
});

it("names records with each key, the current one's first, and differently for each purpose and owner", () => {
  const older = new Uint8Array(randomBytes(32));
  const [name = ""] = keys.namesOf("grant", binding);
  const hmacKey = keyOf(contextOf("record-names", []));
  const mac = createHmac("sha256", hmacKey).update(contextOf("grant", binding)).digest("base64url");
  expect(name).toBe(`grant:${mac}`);
  expect(keyring([master, older]).namesOf("grant", binding)[0]).toBe(name);
  expect(keyring([older, master]).namesOf("grant", binding)[1]).toBe(name);
  const [pin, joined] = [keys.namesOf("pin", binding)[0], keys.namesOf("grant", ["agentprincipal"])[0]];
  expect(new Set([name, pin, joined, keyring([older]).namesOf("grant", binding)[0]])).toHaveLength(4);
});

it("tells what the current key has sealed from what an older one has", () => {
  const older = keyring([randomBytes(32), master]);
  expect(keys.isCurrent(keys.seal("grant", binding, 1))).toBe(true);
  expect(older.isCurrent(keys.seal("grant", binding, 1))).toBe(false);
  expect(older.isCurrent(older.seal("grant", binding, 1))).toBe(true);
  for (const text of ["", "x", "?"]) expect(keys.isCurrent(text)).toBe(false);
});
