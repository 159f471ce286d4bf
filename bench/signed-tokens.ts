import { createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { agentApp, person, tenant } from "./people.js";

/** An issuer like Entra's: one RSA key, and user tokens of realistic length that it signs. */
export interface Issuer {
  readonly issuer: string;
  readonly jwks: { readonly keys: Record<string, unknown>[] };
  /** The token of a user. The same number gives the same user, but another token each time. */
  token(number: number): string;
}

const tokenLength = 1400;

export function issuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const kid = "bench";
  const iss = `https://login.microsoftonline.com/${tenant}/v2.0`;
  const header = part({ alg: "RS256", typ: "JWT", kid });
  const key = createPrivateKey(privateKey.export({ type: "pkcs8", format: "pem" }));
  let made = 0;
  return {
    issuer: iss,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" }] },
    token(number) {
      const now = Math.floor(Date.now() / 1000);
      const claims = {
        aud: agentApp,
        iss,
        iat: now,
        nbf: now,
        exp: now + 3600,
        oid: person(number).oid,
        tid: tenant,
        sub: `subject ${number}`,
        uti: `token ${(made += 1)}`,
        scp: "access_as_user",
        azp: "dddddddd-0000-4000-8000-000000000004",
        name: "Somebody",
        preferred_username: "somebody@example.com",
        ver: "2.0",
      };
      const unpadded = part({ ...claims, rh: "" }).length;
      const missing = Math.max(0, tokenLength - header.length - unpadded - 344);
      const signed = `${header}.${part({ ...claims, rh: "x".repeat(Math.floor((missing * 3) / 4)) })}`;
      const token = `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
      // A flat string of its own, as a header would give it.
      return Buffer.from(token, "latin1").toString("latin1");
    },
  };
}

function part(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
