import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { foundryToolbox, runWithUserContext, type TokenCredentialLike } from "hosted-agent-identity";
import { remoteSignIn } from "hosted-agent-identity/sign-in";
import { contextFor } from "../support/people.js";
import { callContext, hostedEnvironment } from "../support/toolbox-users.js";

const secret = "eyJhbGciOi-secret";

/** The global one, as applications have it: it quotes a header that it refuses. */
const agents: Readonly<Record<string, (credential: TokenCredentialLike) => Promise<unknown>>> = {
  "a toolbox": (credential) => {
    const toolbox = foundryToolbox({
      name: "support",
      projectEndpoint: "http://127.0.0.1:9/api/projects/p",
      credential,
      environment: hostedEnvironment,
    });
    return runWithUserContext(callContext("call"), () => toolbox.fetch(toolbox.url));
  },
  "the sign-in service": (credential) =>
    remoteSignIn({ url: "http://127.0.0.1:9", credential, scope: "api://service/.default" }).signOut(
      contextFor(),
    ),
};

describe.each(Object.entries(agents))("the agent's own token for %s", (_name, use) => {
  test.each([`${secret}\n`, `${secret}\u20ac`, ""])(
    "that no header can carry is sent nowhere: %j",
    async (token) => {
      const credential = { getToken: async () => ({ token, expiresOnTimestamp: 9e12 }) };
      const error: unknown = await use(credential).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: "client_credential_failed" });
      expect(inspect(error, { depth: 9 })).not.toContain(secret);
    },
  );
});
