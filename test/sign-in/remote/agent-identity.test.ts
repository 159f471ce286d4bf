import { afterAll, beforeAll, expect, it } from "vitest";
import { agentVerifier } from "../../../src/sign-in/remote/agent-identity.js";
import { handMade, startTestCloud, type TestCloud } from "../../support/keys.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());

it.each([{ toString: 1 }, ["https://sts.windows.net/"], 5])(
  "a token whose issuer is %j is no agent's",
  async (iss) => {
    const verify = agentVerifier({ app: cloud.app, fetch, now: Date.now });
    const claims = {
      iss,
      aud: cloud.app.clientId,
      tid: cloud.home,
      oid: cloud.home,
      idtyp: "app",
      azp: cloud.home,
      exp: 4e9,
    };
    const token = handMade({ alg: "RS256", kid: cloud.key.kid }, claims, cloud.key);
    await expect(verify(`Bearer ${token}`)).rejects.toMatchObject({ code: "agent_not_identified" });
  },
);
