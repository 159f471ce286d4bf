import { createPublicKey, hash, verify as verifySignature } from "node:crypto";
import { userTokenVerifier } from "hosted-agent-identity";
import { createLocalJWKSet } from "jose/jwks/local";
import { createRemoteJWKSet, customFetch } from "jose/jwks/remote";
import { compactVerify } from "jose/jws/compact/verify";
import { jwtVerify, type JWTVerifyGetKey } from "jose/jwt/verify";
import { networkTo } from "./network.js";
import { app } from "./ours.js";
import { agentApp } from "./people.js";
import { issuer, type Issuer } from "./signed-tokens.js";
import { interleaved, median, medians, p50, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

/** Many short rounds: what else the machine does comes and goes, and should meet all subjects of a round alike. */
const rounds = 61;
const tokens = 60;
/** How often a remembered token comes again in each round. */
const again = 10;
const warmUps = 1_000;
/** Over jose alone. It reads the claims once, after the key is found; we read them before as well, for their tenant. */
const firstBudget = 1.4;
const firstCpuBudget = 1.5;

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
  const floor = leastVerify(signer);
  const leastWithJose = leastWith(local);
  const cpu = {
    first: [] as number[],
    jose: [] as number[],
    floor: [] as number[],
    leastWithJose: [] as number[],
  };
  const first = async (): Promise<number> => {
    // A new verifier remembers nobody; one token brings the keys and the imported code.
    const fresh = verifier(signer);
    await fresh(warm);
    return withCpu(cpu.first, () => p50(users, fresh));
  };
  const alone = (token: string): Promise<unknown> => joseVerify(signer, local, token);
  for (const token of [warm, ...users]) {
    await known(token);
    await joseVerify(signer, remote, token);
  }
  for (let warmed = 0; warmed < warmUps; warmed += tokens) {
    await first();
    await p50(users, alone);
    await p50(users, floor);
    await p50(users, leastWithJose);
  }
  for (const kept of Object.values(cpu)) kept.length = 0;

  const taken = await interleaved(rounds, {
    first,
    jose: () => withCpu(cpu.jose, () => p50(users, alone)),
    floor: () => withCpu(cpu.floor, () => p50(users, floor)),
    leastWithJose: () => withCpu(cpu.leastWithJose, () => p50(users, leastWithJose)),
    remembered: () => p50(oftenUsers, known),
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
      budget: firstBudget,
      goal: 1.1,
      ours: timesMore(taken.first, taken.jose),
      note: `ours also hashes the token, checks that a person of a listed tenant is meant, and remembers it. ${limits(taken)}`,
    },
    {
      what: "cpu of verifying a user token, first time, over jose.jwtVerify",
      unit: "times",
      budget: firstCpuBudget,
      goal: 1.1,
      ours: timesMore(cpu.first, cpu.jose),
      note: `${(median(cpu.jose) * 1000).toPrecision(3)} µs for jose. ${limits(cpu)}`,
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

/** How near one can come: without jose, and with it. */
function limits(taken: Readonly<Record<"jose" | "floor" | "leastWithJose", readonly number[]>>): string {
  const over = (one: readonly number[]): string => timesMore(one, taken.jose).toPrecision(3);
  return `node:crypto and JSON.parse alone: ${over(taken.floor)}; jose, SHA-256, and the claims read beforehand for their tenant: ${over(taken.leastWithJose)}.`;
}

/** Keeps what one token costs of the processor, in milliseconds, and returns the result. */
async function withCpu<T>(kept: number[], work: () => Promise<T>): Promise<T> {
  globalThis.gc?.();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  kept.push((user + system) / 1000 / tokens);
  return result;
}

/** The least that verifies: the signature, on the thread that waits for it, and the claims as an object. */
function leastVerify({ jwks }: Issuer): (token: string) => unknown {
  const key = createPublicKey({ key: jwks.keys[0] as never, format: "jwk" });
  return (token) => {
    const end = token.lastIndexOf(".");
    const signature = Buffer.from(token.slice(end + 1), "base64url");
    if (!verifySignature("sha256", Buffer.from(token.slice(0, end)), key, signature))
      throw new Error("the signature does not match");
    return JSON.parse(Buffer.from(token.slice(token.indexOf(".") + 1, end), "base64url").toString());
  };
}

/**
 * The least with jose for a verifier that must know the tenant before it looks for a key, and that remembers a token by
 * its hash: nothing checked but the signature.
 */
function leastWith(keys: ReturnType<typeof createLocalJWKSet>): (token: string) => Promise<void> {
  const remembered = new Map<string, unknown>();
  return async (token) => {
    const name = hash("sha256", token, "base64url");
    const [header = "", claims = ""] = token.split(".");
    const { kid } = JSON.parse(Buffer.from(header, "base64url").toString()) as { kid: string };
    const { exp } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp: number };
    await compactVerify(token, await keys({ alg: "RS256", kid }), { algorithms: ["RS256"] });
    remembered.set(name, exp);
  };
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
