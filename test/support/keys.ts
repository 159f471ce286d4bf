import { generateKeyPairSync, randomUUID, sign as signBytes, type KeyObject } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, SignJWT } from "jose";
import type { EntraAppFacts } from "hosted-agent-identity";
import { cloudEndpoints } from "../../src/entra/clouds.js";

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

type KeyPair = Pick<SigningKey, "privateKey" | "publicKey">;

// Making one takes long, so a test file has two: one for its clouds, one that is anybody else's.
const pairs: Record<string, KeyPair> = {};
const pair = (whose: string): KeyPair =>
  (pairs[whose] ??= generateKeyPairSync("rsa", { modulusLength: 2048 }));

/** A key that no test cloud has published, yet. */
export function signingKey(kid: string = randomUUID()): SigningKey {
  return { kid, ...pair("somebody else's") };
}

/** The key endpoint of a cloud, and tokens as that cloud issues them. */
export interface TestCloud {
  readonly origin: string;
  readonly home: string;
  readonly app: EntraAppFacts;
  /** The key that tokens are signed with. */
  readonly key: SigningKey;
  /** Paths that were asked for, in order. */
  readonly requests: string[];
  /** What the endpoint publishes from now on. */
  publish(...keys: SigningKey[]): Promise<void>;
  /** What the endpoint answers from now on, instead of keys; `undefined` for keys again. */
  answerWith(answer: ((response: ServerResponse) => void) | undefined): void;
  /** A valid token of a person; claims set to `undefined` are left out. */
  token(claims?: Record<string, unknown>, options?: { key?: SigningKey; header?: object }): Promise<string>;
  close(): Promise<void>;
}

export async function startTestCloud(): Promise<TestCloud> {
  const key = { kid: randomUUID(), ...pair("the clouds'") };
  const requests: string[] = [];
  let published = JSON.stringify({ keys: [await publicJwk(key)] });
  let instead: ((response: ServerResponse) => void) | undefined;

  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    if (instead !== undefined) return instead(response);
    response.writeHead(200, { "content-type": "application/json" }).end(published);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const home = randomUUID();
  const clientId = randomUUID();
  const app: EntraAppFacts = {
    tenantId: home,
    clientId,
    allowedTenants: [home],
    audiences: [clientId, `api://${clientId}`],
    cloud: cloudEndpoints({ loginEndpoint: origin }),
  };

  return {
    origin,
    home,
    app,
    key,
    requests,
    async publish(...keys) {
      published = JSON.stringify({ keys: await Promise.all(keys.map(publicJwk)) });
    },
    answerWith: (answer) => void (instead = answer),
    token(claims = {}, { key: signer = key, header = {} } = {}) {
      const all = { ...personClaims(origin, home, clientId), ...claims };
      const protectedHeader = { alg: "RS256", typ: "JWT", kid: signer.kid, ...header };
      return new SignJWT(withoutUndefined(all)).setProtectedHeader(protectedHeader).sign(signer.privateKey);
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** The claims of a version 2 access token for our app. */
function personClaims(origin: string, tid: string, clientId: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000);
  return {
    iss: `${origin}/${tid}/v2.0`,
    aud: clientId,
    tid,
    oid: randomUUID(),
    sub: randomUUID(),
    scp: "access_as_user",
    azp: randomUUID(),
    ver: "2.0",
    name: "Ada Example",
    preferred_username: "ada@example.com",
    iat: now,
    nbf: now - 5,
    exp: now + 3600,
  };
}

/** A token with any header and claims, signed with RS256 whatever the header says. */
export function handMade(header: unknown, claims: unknown, key?: SigningKey): string {
  const input = `${base64url(header)}.${base64url(claims)}`;
  const signature = key === undefined ? "" : signBytes("sha256", Buffer.from(input), key.privateKey);
  return `${input}.${Buffer.from(signature).toString("base64url")}`;
}

export function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

async function publicJwk({ kid, publicKey }: SigningKey): Promise<object> {
  return { ...(await exportJWK(publicKey)), kid, use: "sig" };
}

function withoutUndefined(claims: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}
