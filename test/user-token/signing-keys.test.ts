import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  runWithUserContext,
  tryGetUserContext,
  userTokenVerifier,
  type UserTokenVerifierOptions,
} from "hosted-agent-identity";
import { signingKey, startTestCloud, type TestCloud } from "../support/keys.js";
import { contextWithoutToken } from "../support/people.js";
import { refused } from "../support/refused.js";

let cloud: TestCloud;
let now: number;
beforeEach(async () => {
  cloud = await startTestCloud();
  now = Date.now();
});
afterEach(() => cloud.close());

const verifier = (options: Partial<UserTokenVerifierOptions> = {}) =>
  userTokenVerifier({ app: cloud.app, now: () => now, ...options });
const minutes = 60_000;

describe("the keys of a tenant", () => {
  test("are fetched once for all of its users", async () => {
    const verify = verifier();
    await Promise.all(Array.from({ length: 20 }, async () => verify(await cloud.token())));
    expect(cloud.requests).toHaveLength(1);
  });

  test("are fetched again when a token names a new key", async () => {
    const verify = verifier();
    await verify(await cloud.token());
    const next = signingKey();
    await cloud.publish(cloud.key, next);
    now += 31_000;
    await verify(await cloud.token({}, { key: next }));
    expect(cloud.requests).toHaveLength(2);
  });

  test("are not fetched in a storm by 200 random key ids, not even over a minute", async () => {
    const verify = verifier();
    await verify(await cloud.token());
    now += 31_000;
    const forger = signingKey();
    const tokens = await Promise.all(
      Array.from({ length: 200 }, (_, n) => cloud.token({}, { key: forger, header: { kid: `random-${n}` } })),
    );
    for (const token of tokens.slice(0, 100)) {
      await refused(verify(token), "user_token_key_unknown", token);
      now += 250;
    }
    await Promise.all(
      tokens.slice(100).map((token) => refused(verify(token), "user_token_key_unknown", token)),
    );
    expect(cloud.requests.length).toBeLessThanOrEqual(2);
  });

  test("are fetched again after ten minutes, once, also when many ask", async () => {
    const verify = verifier();
    await verify(await cloud.token());
    now += 10 * minutes + 1;
    await Promise.all(Array.from({ length: 20 }, async () => verify(await cloud.token())));
    expect(cloud.requests).toHaveLength(2);
  });

  test("are fetched with no user at hand, also when a request of a user starts it", async () => {
    const seen: unknown[] = [];
    const verify = verifier({
      fetch: async (input, init) => {
        seen.push(tryGetUserContext());
        await sleep(1);
        seen.push(tryGetUserContext());
        return fetch(input, init);
      },
    });
    const token = await cloud.token();
    const inside = await runWithUserContext(contextWithoutToken(), async () => {
      await verify(token);
      return tryGetUserContext();
    });
    expect(inside).toBeDefined();
    expect(seen).toEqual([undefined, undefined]);
  });

  test("are taken from the configured endpoint, never from where it redirects to", async () => {
    const evil = await startTestCloud();
    const verify = verifier();
    cloud.answerWith((response) => response.writeHead(302, { location: `${evil.origin}/keys` }).end());
    await refused(verify(await cloud.token({}, { key: evil.key })), "signing_keys_unavailable");
    expect(evil.requests).toEqual([]);
    await evil.close();
  });

  test("that are not RSA, or stand twice under one id, prove nothing", async () => {
    const verify = verifier();
    const twin = signingKey(cloud.key.kid);
    await cloud.publish(cloud.key, twin);
    const token = await cloud.token();
    await refused(verify(token), "user_token_key_unknown", token);
  });
});

describe("when the key endpoint fails", () => {
  const failures: [string, Parameters<TestCloud["answerWith"]>[0], Partial<UserTokenVerifierOptions>?][] = [
    ["answers 500", (response) => response.writeHead(500).end()],
    ["answers HTML", (response) => response.writeHead(200).end("<html>Sign in to the hotel network</html>")],
    ["answers JSON without keys", (response) => response.writeHead(200).end('{"value":[]}')],
    ["answers null", (response) => response.writeHead(200).end("null")],
    ["hangs up", (response) => response.destroy()],
    ["never answers", () => {}, { timeoutMs: 500 }],
    ["never ends its answer", (response) => void response.writeHead(200).write("{"), { timeoutMs: 500 }],
  ];

  test.each(failures)(
    "because it %s, the answer is 503 and another try works",
    async (_name, answer, options) => {
      const verify = verifier(options);
      cloud.answerWith(answer);
      const token = await cloud.token();
      const error = await refused(verify(token), "signing_keys_unavailable", token);
      expect(error).toMatchObject({ status: 503, retryAfterMs: 1000 });
      cloud.answerWith(undefined);
      now += 1_001;
      await verify(token);
    },
  );

  test("because it is gone, the answer is 503", async () => {
    await cloud.close();
    const token = await cloud.token();
    expect(await refused(verifier()(token), "signing_keys_unavailable", token)).toMatchObject({
      status: 503,
    });
    cloud = await startTestCloud();
  });

  test("a fetch that ignores its signal ends all the same", async () => {
    const verify = verifier({ timeoutMs: 20, fetch: () => new Promise(() => {}) });
    await refused(verify(await cloud.token()), "signing_keys_unavailable");
  });

  test("it is left alone for a second", async () => {
    const verify = verifier();
    cloud.answerWith((response) => response.writeHead(500).end());
    for (let n = 0; n < 50; n += 1) await refused(verify(await cloud.token()), "signing_keys_unavailable");
    expect(cloud.requests).toHaveLength(1);
  });

  test("the keys at hand serve up to an hour, and no new ones", async () => {
    const verify = verifier();
    const token = await cloud.token();
    await verify(token);
    cloud.answerWith((response) => response.writeHead(503).end());
    now += 50 * minutes;
    await verify(token);
    await refused(verify(await cloud.token({}, { key: signingKey() })), "signing_keys_unavailable");
    now += 11 * minutes;
    await refused(
      verify(await cloud.token({ exp: Math.floor(now / 1000) + 600 })),
      "signing_keys_unavailable",
    );
  });
});
