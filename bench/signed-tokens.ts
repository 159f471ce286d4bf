import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { agentApp, person, tenant } from "./people.js";

/** An issuer like Entra's: one RSA key, and user tokens of realistic length that it signs. */
export interface Issuer {
  readonly issuer: string;
  readonly jwks: { readonly keys: Record<string, unknown>[] };
  /** The token of a user. The same number gives the same user, but another token each time. */
  token(number: number): string;
  /** The token of an application itself, for the measured app. */
  appToken(clientId: string): string;
}

const tokenLength = 1400;

export function issuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = "bench";
  const iss = `https://login.microsoftonline.com/${tenant}/v2.0`;
  const header = part({ alg: "RS256", typ: "JWT", kid });
  const key = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
  let made = 0;
  const signed = (claims: object): string => {
    const unpadded = part({ ...claims, rh: "" }).length;
    const missing = Math.max(0, tokenLength - header.length - unpadded - 344);
    const text = `${header}.${part({ ...claims, rh: "x".repeat(Math.floor((missing * 3) / 4)) })}`;
    const token = `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
    // A flat string of its own, as a header would give it.
    return Buffer.from(token, "latin1").toString("latin1");
  };
  const lasting = (): object => {
    const now = Math.floor(Date.now() / 1000);
    return { aud: agentApp, iss, iat: now, nbf: now, exp: now + 3600, tid: tenant, ver: "2.0" };
  };
  return {
    issuer: iss,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
    token: (number) =>
      signed({
        ...lasting(),
        oid: person(number).oid,
        sub: `subject ${number}`,
        uti: `token ${(made += 1)}`,
        scp: "access_as_user",
        azp: "dddddddd-0000-4000-8000-000000000004",
        name: "Somebody",
        preferred_username: "somebody@example.com",
      }),
    appToken: (clientId) =>
      signed({ ...lasting(), oid: clientId, sub: clientId, azp: clientId, idtyp: "app", roles: ["agent"] }),
  };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
