import { createHash, createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { flag, optional, text } from "../options/checks.js";
import { HostedAgentIdentityError, loadPackage } from "../errors.js";
import { invalid } from "../options/invalid.js";
import { readOptions, type KeyOfAny, type OptionTable } from "../options/option-table.js";
import { clientCredentialFailedCauses } from "../errors/causes/tokens.js";
import type { ClientAuthentication, ClientCredential, CredentialRequest } from "./credential.js";

/** Where the certificate and its private key come from. */
export type CertificateOptions = ({ readonly pem: string } | { readonly path: string }) & {
  /** Sends the certificate chain along (`x5c`), for apps that trust subject name and issuer. */
  readonly sendX5c?: boolean;
  /** The passphrase of an encrypted private key. */
  readonly passphrase?: string;
};

/** How long a signed assertion is valid: what MSAL uses, and well under Entra's limit. */
const lifetimeS = 600;
/** Shorter RSA keys may not sign: RFC 7518 section 3.5. */
const minKeyBits = 2_048;

/**
 * A certificate with its RSA private key in PEM form, given as text or as a file; a file is read again when
 * Entra refuses the certificate, so a rotated file is picked up. Signs with PS256 and `x5t#S256`. In any order, with
 * the chain before or after; as text also in base64, or on one line with `\n` for line breaks, as environment
 * variables hold it. Throws `client_credential_failed` when it is used and cannot be read: it says which form that is,
 * and for a PFX (PKCS#12), which Node.js cannot read, the commands that convert it.
 *
 * Entry point: `hosted-agent-identity`.
 * Source: learn.microsoft.com, identity-platform/certificate-credentials; RFC 7523 section 3.
 *
 * @example
 * ```ts
 * import { certificate } from "hosted-agent-identity";
 *
 * export const credential = certificate({ path: "/mnt/secrets/agent.pem" });
 * ```
 * @group Entra app
 */
export function certificate(options: CertificateOptions): ClientCredential {
  const settings = readOptions<CertificateParts>("certificate", certificateOptions, options);
  if ((settings.pem === undefined) === (settings.path === undefined))
    throw invalid(
      "certificate: pem",
      "expected this or path, and not both. Is its environment variable set?",
    );
  let loaded: Promise<LoadedCertificate> | undefined;
  return Object.freeze({
    kind: "certificate" as const,
    async authenticate(request: CredentialRequest) {
      if (request.refused > 0) loaded = undefined;
      loaded ??= load(settings);
      try {
        return await signAssertion(await loaded, settings.sendX5c ?? false, request);
      } catch (cause) {
        loaded = undefined;
        throw cause;
      }
    },
  });
}

/** Both forms of {@link CertificateOptions}. */
type CertificateParts = {
  readonly [K in KeyOfAny<CertificateOptions>]?: K extends "sendX5c" ? boolean : string;
};

/** The options of {@link certificate}. */
export const certificateOptions: OptionTable<CertificateParts> = {
  pem: optional(text("a certificate and its private key as PEM")),
  path: optional(text("the path of a file")),
  sendX5c: optional(flag),
  passphrase: optional(text()),
};

interface LoadedCertificate {
  readonly key: KeyObject;
  readonly thumbprint: string;
  /** The certificate of the key first, then each one's issuer, as far as they are there. */
  readonly chain: string[];
}

async function load({ pem: given, path = "", passphrase }: CertificateParts): Promise<LoadedCertificate> {
  const where = given === undefined ? JSON.stringify(path) : "pem";
  const bytes = given === undefined ? await contentOf(path) : Buffer.from(given);
  const blocks = pemBlocks(bytes, where);
  const certificates = blocks.flatMap(({ label, pem }) =>
    label === "CERTIFICATE" ? [certificateIn(pem, where)] : [],
  );
  const key = keyIn(blocks, passphrase, where);
  if (certificates.length === 0) throw unusable(where, "holds a private key, but no certificate");
  // Key Vault and others put the chain in front. Of a renewed certificate with the same key, the one that lasts counts.
  const [leaf] = certificates.filter((one) => one.checkPrivateKey(key)).sort((a, b) => endOf(b) - endOf(a));
  if (leaf === undefined)
    throw unusable(where, "holds a private key that is not the key of any of its certificates");
  return {
    key,
    thumbprint: createHash("sha256").update(leaf.raw).digest("base64url"),
    chain: chainOf(leaf, certificates).map(({ raw }) => raw.toString("base64")),
  };
}

async function contentOf(path: string): Promise<Buffer> {
  const { readFile } = await import("node:fs/promises");
  try {
    return await readFile(path);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
    throw unusable(JSON.stringify(path), `cannot be read (${code})`);
  }
}

interface PemBlock {
  readonly label: string;
  readonly pem: string;
}

/**
 * The blocks of a PEM as environment variables and Key Vault give it: with `\n` for line breaks or blanks in their
 * place, in quotes, in UTF-16 (PowerShell), or the whole of it in base64. Throws for a PFX, which Node.js cannot read.
 */
function pemBlocks(bytes: Buffer, where: string, inBase64 = false): readonly PemBlock[] {
  if (isPfx(bytes))
    throw unusable(
      where,
      `is a PFX (PKCS#12)${inBase64 ? " in base64, as Key Vault gives it" : ""}, which Node.js cannot read`,
      "pfx",
    );
  const text = bytes.toString(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf16le" : "utf8").trim();
  const blocks = [
    ...text.replace(/(?:\\r)?\\n/g, "\n").matchAll(/-----BEGIN ([A-Z0-9 ]+)-----([\s\S]+?)-----END \1-----/g),
  ];
  if (blocks.length > 0)
    return blocks.map(([, label = "", body = ""]) => ({ label, pem: pemOf(label, body) }));
  if (!inBase64 && /^[A-Za-z0-9+/=\s]{64,}$/.test(text))
    return pemBlocks(Buffer.from(text, "base64"), where, true);
  throw unusable(where, isDer(bytes) ? "is a certificate or key in DER form, not PEM" : "holds no PEM");
}

/** With the line breaks that OpenSSL wants, whatever took their place. Headers of old encrypted keys stay as they are. */
function pemOf(label: string, body: string): string {
  const lines = body.includes(":")
    ? body.trim()
    : (body.replace(/\s+/g, "").match(/.{1,64}/g) ?? []).join("\n");
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/** A sequence that begins with the version 3. Source: RFC 7292 section 4. */
function isPfx(bytes: Buffer): boolean {
  const header = bytes.subarray(0, 12).toString("hex");
  return /^30(?:80|[0-7][0-9a-f]|81..|82.{4}|83.{6}|84.{8})020103/.test(header);
}

function isDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;
}

function certificateIn(pem: string, where: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw unusable(where, "holds a certificate that cannot be read");
  }
}

/** The private key. OpenSSL's own messages are left out: they can quote what they could not read. */
function keyIn(blocks: readonly PemBlock[], passphrase: string | undefined, where: string): KeyObject {
  const found = blocks.find(({ label }) => label.endsWith("PRIVATE KEY"));
  if (found === undefined) throw unusable(where, "holds no private key", "noKey");
  const isEncrypted = found.label.startsWith("ENCRYPTED") || found.pem.includes("ENCRYPTED");
  if (isEncrypted && passphrase === undefined)
    throw unusable(where, "holds an encrypted private key, and no passphrase was given", "encrypted");
  const key = privateKey(found.pem, passphrase);
  if (key === undefined && isEncrypted)
    throw unusable(where, "holds an encrypted private key that the passphrase does not open", "encrypted");
  if (key === undefined) throw unusable(where, "holds a private key that cannot be read");
  if (key.asymmetricKeyType !== "rsa")
    throw unusable(
      where,
      `holds a private key of the type ${key.asymmetricKeyType}; it has to be an RSA key`,
    );
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < minKeyBits)
    throw unusable(where, `holds a private key that is not one of at least ${minKeyBits} bits`);
  return key;
}

function privateKey(pem: string, passphrase: string | undefined): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: "pem", passphrase });
  } catch {
    return undefined;
  }
}

/** Each certificate after the one it certifies. Source: RFC 7515 section 4.1.6. */
function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain = [leaf];
  for (let last = leaf; ;) {
    const issuer = all.find((one) => last.checkIssued(one) && !chain.some(({ raw }) => raw.equals(one.raw)));
    if (issuer === undefined) return chain;
    chain.push(issuer);
    last = issuer;
  }
}

function endOf({ validTo }: X509Certificate): number {
  return Date.parse(validTo);
}

function unusable(
  where: string,
  what: string,
  cause: "certificate" | "pfx" | "noKey" | "encrypted" = "certificate",
): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "client_credential_failed",
    `certificate: ${where} ${what}.`,
    clientCredentialFailedCauses[cause],
  );
}

async function signAssertion(
  { key, thumbprint, chain }: LoadedCertificate,
  sendX5c: boolean,
  { clientId, tokenEndpoint, newId, now }: CredentialRequest,
): Promise<ClientAuthentication> {
  const { SignJWT } = await loadPackage("jose", "certificate()", () => import("jose/jwt/sign"));
  const issuedAt = Math.floor(now() / 1000);
  const expiresAt = issuedAt + lifetimeS;
  const assertion = await new SignJWT({
    aud: tokenEndpoint,
    iss: clientId,
    sub: clientId,
    jti: newId(),
    nbf: issuedAt,
    iat: issuedAt,
    exp: expiresAt,
  })
    .setProtectedHeader({
      alg: "PS256",
      typ: "JWT",
      "x5t#S256": thumbprint,
      ...(sendX5c ? { x5c: chain } : {}),
    })
    .sign(key);
  return { assertion, expiresAt: expiresAt * 1000 };
}
