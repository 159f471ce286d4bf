import { createHash, createPrivateKey, X509Certificate, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
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
 * A certificate with its private key in PEM form, given as text or as a file; a file is read again when
 * Entra refuses the certificate, so a rotated file is picked up. Signs with PS256 and `x5t#S256`.
 * Throws `client_credential_failed` when it is used and cannot be read.
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
  readonly chain: string[];
}

async function load({ pem: given, path = "", passphrase }: CertificateParts): Promise<LoadedCertificate> {
  try {
    const pem = given ?? (await readFile(path, "utf8"));
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    const leaf = new X509Certificate(certificates[0] ?? "");
    const key = createPrivateKey({ key: pem, format: "pem", passphrase });
    if (key.asymmetricKeyType !== "rsa" || !leaf.checkPrivateKey(key)) {
      throw new Error("the private key is not the RSA key of the first certificate");
    }
    if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < minKeyBits)
      throw new Error(`the private key is not one of at least ${minKeyBits} bits`);
    return {
      key,
      thumbprint: createHash("sha256").update(leaf.raw).digest("base64url"),
      chain: certificates.map((one) => new X509Certificate(one).raw.toString("base64")),
    };
  } catch (cause) {
    const where = given === undefined ? JSON.stringify(path) : "pem";
    // The cause is left out: OpenSSL's messages can quote what they could not read.
    const reason =
      cause instanceof Error && /private key is not|ENOENT|EACCES/.test(cause.message)
        ? `: ${cause.message}`
        : "";
    throw new HostedAgentIdentityError(
      "client_credential_failed",
      `certificate: ${where} has no usable certificate with its RSA private key in PEM form${reason}.`,
      clientCredentialFailedCauses.certificate,
    );
  }
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
