import { createHash, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** The keys of a token issuer: the last one signs, all of them are published. */
export interface SigningKeys {
  current(): SigningKey;
  find(kid: unknown): SigningKey | undefined;
  /** A key that is never published. */
  unknown(): Promise<SigningKey>;
  /** Signs with a new key from now on; the old ones stay published if `keepOld`. */
  rotate(options?: { readonly keepOld?: boolean }): Promise<void>;
  /** The JSON Web Key Set. */
  published(issuer: string): { keys: Record<string, unknown>[] };
}

export async function createSigningKeys(): Promise<SigningKeys> {
  let keys = [await createKey()];
  let unpublished: SigningKey | undefined;
  const current = (): SigningKey => keys[keys.length - 1] as SigningKey;
  return {
    current,
    find: (kid) => keys.find((key) => key.kid === kid),
    unknown: async () => (unpublished ??= await createKey()),
    rotate: async ({ keepOld = true } = {}) => {
      const next = await createKey();
      keys = keepOld ? [...keys, next] : [next];
    },
    published: (issuer) => ({
      keys: keys.map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: "jwk" }),
        use: "sig",
        kid,
        x5t: kid,
        issuer,
      })),
    }),
  };
}

async function createKey(): Promise<SigningKey> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const publicKey = createPublicKey(privateKey);
  // Entra's key ids are SHA-1 thumbprints of certificates; here of the key itself.
  const kid = createHash("sha1")
    .update(publicKey.export({ format: "der", type: "spki" }))
    .digest("base64url");
  return { kid, privateKey, publicKey };
}
