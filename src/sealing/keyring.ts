import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  type KeyObject,
  randomFillSync,
} from "node:crypto";
import { boundedMap } from "../async/bounded-map.js";
import { check, list } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";

/** What a sealed record is for. A record sealed for one purpose does not open for another. */
export type SealPurpose =
  | "ticket"
  | "pending"
  | "grant"
  | "grant-address"
  | "pin"
  | "cookie"
  | "state"
  | "prompt"
  | "long-running"
  | "cached-token"
  | "shared-token"
  | "index"
  | "attempt"
  | "works"
  | "admin"
  | "names";

/** Seals and opens records. */
export interface Keyring {
  /**
   * Encrypts a JSON value with a key of its own, derived from the current master key, the purpose and what
   * the record belongs to (agent, cloud, client, principal …). A digest of both is repeated inside, and compared.
   */
  seal(purpose: SealPurpose, binding: readonly string[], value: unknown): string;
  /** The value, or `undefined` for anything that was not sealed for exactly this purpose and binding. */
  open(purpose: SealPurpose, binding: readonly string[], sealed: string): unknown;
  /** Whether the current key sealed it. */
  isCurrent(sealed: string): boolean;
  /** Whether the text is sealed with one of the keys, or is not sealed at all. */
  knows(sealed: string): boolean;
  /** Makes ready what `open` needs, and returns it: for the time while the record is on its way. */
  opener(purpose: SealPurpose, binding: readonly string[]): (sealed: string) => unknown;
  /**
   * The names of a record, one for each key, the current one's first: an HMAC, so that nobody without the key
   * can look for somebody whom they know.
   */
  namesOf(purpose: SealPurpose, parts: readonly string[]): readonly string[];
}

/** No record of ours is as long: a longer value was put there by another writer. In characters. */
export const maxSealedLength = 4_194_304;

/**
 * How many records a keyring keeps the keys of: a sign-in reads and writes each of its records several times. All of
 * them follow from the master keys, which it holds anyway.
 */
const maxDerivations = 256;

/** Of a longer name, which somebody outside may have chosen, nothing is kept. In characters. */
const maxKeptText = 1_024;

/** What a record is for and belongs to, and the keys that follow from it: one for each master key, once needed. */
interface Derivation {
  readonly context: Buffer;
  /** What the record repeats of it: its SHA-256, because the whole would be a third of a short record. */
  readonly repeated: Buffer;
  readonly keys: KeyObject[];
}

const noSalt = createSecretKey(Buffer.alloc(32));

/** Master keys of 32 bytes, or their base64 form. The first one seals, all of them open. */
export type EncryptionKeys = readonly (string | Uint8Array)[];

/** The option `encryptionKeys`: 32 bytes each, or their base64 form. */
export const encryptionKeysOption: OptionCheck<readonly (string | Uint8Array)[]> = list(
  check<string | Uint8Array>(
    "mixed",
    "32 random bytes, or their base64 form (openssl rand -base64 32)",
    (key: string | Uint8Array) =>
      (typeof key === "string" || key instanceof Uint8Array) && masterKey(key).length === 32,
  ),
  1,
);

/**
 * Makes the keyring. The first key seals, all of them open: put a new key first and keep the old ones until
 * what they sealed has expired. The keys were checked.
 */
export function keyring(keys: readonly (string | Uint8Array)[]): Keyring {
  const masters = keys.map((key) => extracted(masterKey(key)));
  const ids = masters.map((master) => derive(master, contextOf("key-id", [])).readUInt32BE(0));
  const nameKeys = masters.map((master) => derivedKey(master, contextOf("record-names", [])));
  const derivations = boundedMap<string, Derivation>(maxDerivations);

  const derivation = (purpose: SealPurpose, binding: readonly string[]): Derivation => {
    const text = textOf(purpose, binding);
    const known = derivations.get(text);
    if (known !== undefined) return known;
    const made = { context: Buffer.from(text), repeated: hash("sha256", text, "buffer"), keys: [] };
    if (text.length <= maxKeptText) derivations.set(text, made);
    return made;
  };
  const keyAt = ({ context, keys: derived }: Derivation, at: number): KeyObject =>
    (derived[at] ??= derivedKey(masters[at] as KeyObject, context));

  const opener: Keyring["opener"] = (purpose, binding) => {
    const derived = derivation(purpose, binding);
    const { context, repeated } = derived;
    keyAt(derived, 0);
    return (sealed) => {
      if (sealed.length > maxSealedLength) return undefined;
      const bytes = Buffer.from(sealed, "base64url");
      if (bytes.length < 33) return undefined;
      const at = ids.indexOf(bytes.readUInt32BE(0));
      if (at < 0) return undefined;
      try {
        const decipher = createDecipheriv("aes-256-gcm", keyAt(derived, at), bytes.subarray(4, 16));
        decipher.setAAD(context);
        decipher.setAuthTag(bytes.subarray(16, 32));
        const text = decipher.update(bytes.subarray(32));
        // Throws unless the tag fits. With GCM there is nothing left to come.
        decipher.final();
        if (!text.subarray(0, repeated.length).equals(repeated)) return undefined;
        return (JSON.parse(text.toString("utf8", repeated.length)) as { readonly value?: unknown }).value;
      } catch {
        return undefined;
      }
    };
  };

  return {
    seal(purpose, binding, value) {
      const derived = derivation(purpose, binding);
      const { context, repeated } = derived;
      const header = Buffer.alloc(16);
      header.writeUInt32BE(ids[0] as number);
      const nonce = randomFillSync(header, 4).subarray(4);
      const cipher = createCipheriv("aes-256-gcm", keyAt(derived, 0), nonce);
      cipher.setAAD(context);
      const sealed = cipher.update(Buffer.concat([repeated, Buffer.from(JSON.stringify({ value }))]));
      // With GCM there is nothing left to come.
      cipher.final();
      return Buffer.concat([header, cipher.getAuthTag(), sealed]).toString("base64url");
    },
    open: (purpose, binding, sealed) => opener(purpose, binding)(sealed),
    opener,
    isCurrent: (sealed) => {
      const bytes = Buffer.from(sealed.slice(0, 8), "base64url");
      return bytes.length >= 4 && bytes.readUInt32BE(0) === ids[0];
    },
    knows: (sealed) => {
      // Shorter than anything sealed: a counter, or a mark.
      if (sealed.length < 44) return true;
      const bytes = Buffer.from(sealed.slice(0, 8), "base64url");
      return bytes.length < 4 || ids.includes(bytes.readUInt32BE(0));
    },
    namesOf: (purpose, parts) => nameKeys.map((key) => keyedName(key, purpose, textOf(purpose, parts))),
  };
}

/** Secrets of 32 bytes derived from each key, in their order: for what is not sealed. */
export function derivedSecrets(
  keys: readonly (string | Uint8Array)[],
  purpose: string,
  binding: readonly string[],
): readonly Buffer[] {
  return keys.map((key) => derive(extracted(masterKey(key)), contextOf(purpose, binding)));
}

/** The name of a record: what it is, in clear, and an HMAC of what it belongs to. */
export function keyedName(key: KeyObject, kind: string, text: string): string {
  return `${kind}:${createHmac("sha256", key).update(text).digest("base64url")}`;
}

function masterKey(key: string | Uint8Array): Buffer {
  return typeof key === "string" ? Buffer.from(key, "base64") : Buffer.from(key);
}

/**
 * The first half of HKDF-SHA-256 without a salt: the same for every record, so done once. RFC 5869, 2.2. A key
 * object, as all keys here are: from Node.js 24 on, one given as bytes costs an error that is thrown and caught.
 */
function extracted(master: Uint8Array): KeyObject {
  return createSecretKey(createHmac("sha256", noSalt).update(master).digest());
}

/**
 * The second half for 32 bytes, which is one block: three times as fast as `hkdfSync`, and without its limit
 * on the length of `info`. RFC 5869, 2.3.
 */
function derive(master: KeyObject, info: Uint8Array): Buffer {
  return createHmac("sha256", master).update(info).update("\u0001").digest();
}

function derivedKey(master: KeyObject, info: Uint8Array): KeyObject {
  return createSecretKey(derive(master, info));
}

/**
 * What a record is for and belongs to, as bytes that nothing else gives: the key is derived from them, they are
 * authenticated beside the record, and their digest is repeated at its beginning. Made once for all three.
 */
function contextOf(purpose: string, binding: readonly string[]): Buffer {
  return Buffer.from(textOf(purpose, binding));
}

function textOf(purpose: string, binding: readonly string[]): string {
  return JSON.stringify(["hosted-agent-identity/1", purpose, ...binding]);
}
