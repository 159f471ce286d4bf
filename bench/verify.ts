import { userTokenVerifier } from "hosted-agent-identity";
import { createLocalJWKSet } from "jose/jwks/local";
import { createRemoteJWKSet, customFetch } from "jose/jwks/remote";
import { jwtVerify, type JWTVerifyGetKey } from "jose/jwt/verify";
import { networkTo } from "./network.js";
import { app } from "./ours.js";
import { agentApp } from "./people.js";
import { issuer, type Issuer } from "./signed-tokens.js";
import { interleaved, medians, p50, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 15;
const tokens = 200;
/** How often a remembered token comes again in each round. */
const again = 10;

/** Verifying a user token beside jose alone, which is told the same issuer, audience and algorithm. */
export async function verify(): Promise<readonly Row[]> {
  const signer = issuer();
  const warm = signer.token(0);
  const users = Array.from({ length: tokens }, (_, number) => signer.token(number + 1));
  const oftenUsers = Array.from({ length: again }, () => users).flat();
  const local = createLocalJWKSet(signer.jwks as never);
  const remote = createRemoteJWKSet(new URL("https://login.microsoftonline.com/keys"), {
    [customFetch]: async () => keysResponse(signer),
  });
  const known = verifier(signer);
  for (const token of [warm, ...users]) {
    await known(token);
    await joseVerify(signer, local, token);
    await joseVerify(signer, remote, token);
  }

  const taken = await interleaved(rounds, {
    // A new verifier remembers nobody; one token brings the keys and the imported code.
    first: async () => {
      const fresh = verifier(signer);
      await fresh(warm);
      return p50(users, fresh);
    },
    remembered: () => p50(oftenUsers, known),
    jose: () => p50(users, (token) => joseVerify(signer, local, token)),
    joseRemote: () => p50(users, (token) => joseVerify(signer, remote, token)),
  });
  const result = medians(taken);
  const warmRemote = `jose with createRemoteJWKSet, keys at hand: ${result.joseRemote.toPrecision(3)} ms.`;
  return [
    {
      what: "verify a user token, first time, p50",
      unit: "ms",
      budget: 1,
      ours: result.first,
      jose: result.jose,
      note: warmRemote,
    },
    {
      what: "verify a user token, first time, over jose.jwtVerify",
      unit: "times",
      budget: 2,
      ours: timesMore(taken.first, taken.jose),
      note: "ours also hashes the token, checks that a person of a listed tenant is meant, and remembers it.",
    },
    {
      what: "verify a user token, again (remembered), p50",
      unit: "ms",
      budget: 0.05,
      ours: result.remembered,
      jose: result.jose,
      note: "jose checks the signature each time.",
    },
  ];
}

/** A verifier as an agent makes it, whose keys come out of this process. */
export function verifier(signer: Issuer): ReturnType<typeof userTokenVerifier> {
  const entra = app(networkTo("http://127.0.0.1:9"));
  return userTokenVerifier({ app: entra, fetch: async () => keysResponse(signer) });
}

export function joseVerify(
  { issuer: expected }: Issuer,
  keys: JWTVerifyGetKey,
  token: string,
): Promise<unknown> {
  return jwtVerify(token, keys, { issuer: expected, audience: agentApp, algorithms: ["RS256"] });
}

function keysResponse({ jwks }: Issuer): Response {
  return Response.json(jwks);
}
