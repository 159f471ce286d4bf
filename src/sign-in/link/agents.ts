import { createPrivateKey, createPublicKey, KeyObject } from "node:crypto";
import { boundedMap } from "../../async/bounded-map.js";
import { resourceOfScope } from "../../entra/scopes.js";
import { check, list, text } from "../../options/checks.js";
import { type OptionCheck, type OptionTable } from "../../options/option-table.js";
import { derivedSecrets } from "../../sealing/keyring.js";
import type { ProtectedResource } from "../../sources/protected-resource.js";

/**
 * An agent whose links a sign-in service accepts: an entry of `agents` of `createSignIn()`, under the agent's
 * name. Make a pair with `generateKeyPairSync("ed25519")` of `node:crypto`: the private key is the agent's
 * `signingKey`. Source: RFC 8032 (Ed25519).
 * @group Sign-in
 */
export interface SignInAgent {
  /** Ed25519, PEM or a key object. Several while a key is being replaced. */
  readonly publicKeys: readonly (string | KeyObject)[];
  /** The only scopes its links may ask for, fully qualified, for example `api://<client id>/access_as_user`. */
  readonly scopes: readonly string[];
}

/** What is known of an agent when its link is opened. */
export interface KnownAgent {
  readonly publicKeys: readonly KeyObject[];
  /** Digests of the links that were found to be signed by it: every step of a sign-in reads its link again. */
  readonly verified: Map<string, true>;
  mayAsk(scopes: readonly string[]): boolean;
}

const maxVerified = 1_000;

/** Who may make links, and with which key this process signs its own. */
export interface LinkKeys {
  readonly agents: ReadonlyMap<string, KnownAgent>;
  /** `undefined` in a process that only serves. */
  readonly privateKey: KeyObject | undefined;
  /** The agent of this process, where its public key is known to be that of `privateKey`. */
  readonly own?: KnownAgent | undefined;
}

/** What the keys are made from. */
export interface LinkKeyOptions {
  readonly agentName: string;
  readonly resources: readonly ProtectedResource[];
  readonly encryptionKeys: readonly (string | Uint8Array)[];
  readonly signingKey?: string | KeyObject | undefined;
  readonly agents?: Readonly<Record<string, SignInAgent>> | undefined;
}

/**
 * Without `agents` this process accepts its own links only, signed with a key that it derives from the
 * encryption keys: so replicas that share them accept each other's, and a restart breaks no link. With
 * `agents` only what is listed counts, because agents that share the encryption keys could derive each
 * other's. The options were checked.
 */
export function linkKeys(options: LinkKeyOptions): LinkKeys {
  const { agentName, agents } = options;
  const configured = options.signingKey === undefined ? undefined : privateKeyOf(options.signingKey);
  if (agents !== undefined) {
    const known = Object.entries(agents).map(([name, agent]) => [name, listedAgent(agent)] as const);
    return { agents: new Map(known), privateKey: configured };
  }
  const own = configured === undefined ? derivedKeys(options) : [configured];
  const resources = new Set(options.resources.flatMap(({ scopes }) => scopes).map(resourceOfScope));
  const self: KnownAgent = {
    publicKeys: own.map((key) => createPublicKey(key)),
    verified: boundedMap(maxVerified),
    // A resource may ask for more of its own scopes than it was described with (step-up).
    mayAsk: (scopes) => scopes.every((scope) => resources.has(resourceOfScope(scope) ?? "")),
  };
  return { agents: new Map([[agentName, self]]), privateKey: own[0], own: self };
}

function listedAgent({ publicKeys, scopes }: SignInAgent): KnownAgent {
  const allowed = new Set(scopes);
  return {
    publicKeys: publicKeys.map(publicKeyOf),
    verified: boundedMap(maxVerified),
    mayAsk: (asked) => asked.every((scope) => allowed.has(scope)),
  };
}

function publicKeyOf(key: string | KeyObject): KeyObject {
  if (key instanceof KeyObject && key.type === "public") return key;
  return createPublicKey(key instanceof KeyObject ? key : { key, format: "pem" });
}

function privateKeyOf(key: string | KeyObject): KeyObject {
  return key instanceof KeyObject ? key : createPrivateKey(key);
}

/** What cannot be read may be a private key: nothing of it, nor of OpenSSL's error, is shown. */
function ed25519(
  type: "public" | "private",
  read: (key: string | KeyObject) => KeyObject,
): OptionCheck<string | KeyObject> {
  const expected = `an Ed25519 ${type} key, as PEM or KeyObject`;
  return check<string | KeyObject>("mixed", expected, (value: string | KeyObject) => {
    const key = read(value);
    return key.asymmetricKeyType === "ed25519" && key.type === type;
  });
}

/** The option `signingKey`. */
export const signingKeyOption: OptionCheck<string | KeyObject> = ed25519("private", privateKeyOf);

/** One of the option `agents`. */
export const signInAgentOptions: OptionTable<SignInAgent> = {
  publicKeys: list(ed25519("public", publicKeyOf), 1),
  scopes: list(text("a scope in full")),
};

/** The frame of an Ed25519 private key in PKCS #8, before its 32 bytes. Source: RFC 8410, section 7. */
const pkcs8Frame = Buffer.from("302e020100300506032b657004220420", "hex");

function derivedKeys({ encryptionKeys, agentName }: LinkKeyOptions): readonly KeyObject[] {
  return derivedSecrets(encryptionKeys, "link-signing", [agentName]).map((seed) =>
    createPrivateKey({ key: Buffer.concat([pkcs8Frame, seed]), format: "der", type: "pkcs8" }),
  );
}
