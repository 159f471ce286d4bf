import { createServer } from "node:http";
import { requireBearerAuth as requireBearerAuthV2 } from "@modelcontextprotocol/express";
import { requireBearerAuth as requireBearerAuthV1 } from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import { OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import express, { type RequestHandler } from "express";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callerOf, type McpServerGate, protectMcpServer } from "hosted-agent-identity/server";
import { bearerChallenge } from "../../src/access/challenges.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";
import { listening } from "../support/listening.js";
import { leaks } from "../support/people.js";

const stops: (() => Promise<void>)[] = [];
let cloud: TestCloud;

beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(async () => {
  for (const stop of stops) await stop();
  await cloud.close();
});

const sdks: readonly [string, (gate: McpServerGate, scope: string) => RequestHandler][] = [
  [
    "v1",
    (gate, scope) =>
      requireBearerAuthV1({
        verifier: gate.verifier((message) => new InvalidTokenError(message)),
        requiredScopes: [scope],
        resourceMetadataUrl: gate.metadataUrl,
      }),
  ],
  [
    "v2",
    (gate, scope) =>
      requireBearerAuthV2({
        verifier: gate.verifier((message) => new OAuthError(OAuthErrorCode.InvalidToken, message)),
        requiredScopes: [scope],
        resourceMetadataUrl: gate.metadataUrl,
      }),
  ],
];

describe.each(sdks)("behind requireBearerAuth of SDK %s", (_name, middleware) => {
  /** Asks a route behind the SDK's own middleware, which is served by the verifier of a gate. */
  async function ask(token: string | undefined, fetchKeys?: typeof fetch): Promise<Response> {
    const { tenantId, clientId } = cloud.app;
    const gate = protectMcpServer({
      url: "https://contacts.example.com/mcp",
      app: {
        tenantId,
        clientId,
        cloud: { loginEndpoint: cloud.origin, stsEndpoint: "https://sts.windows.net" },
      },
      scopes: ["access_as_user"],
      ...(fetchKeys === undefined ? {} : { fetch: fetchKeys }),
    });
    const app = express();
    app.use(middleware(gate, `api://${clientId}/access_as_user`), (req, res) => {
      res.json(callerOf((req as { auth?: Parameters<typeof callerOf>[0] }).auth));
    });
    // Express writes what it did not expect to the standard error otherwise.
    app.use(((_error, _req, res, _next) => void res.status(500).end()) as express.ErrorRequestHandler);
    const host = await listening(createServer(app));
    stops.push(host.close);
    return fetch(host.url, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  }

  test("a person's token passes, and the tool learns who calls", async () => {
    const response = await ask(await cloud.token());
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      kind: "user",
      tid: cloud.home,
      username: "ada@example.com",
    });
  });

  test("a token for somebody else is answered 401 with where to read on, and nothing of the token", async () => {
    const token = await cloud.token({ aud: "https://ai.azure.com" });
    const response = await ask(token);
    const challenge = response.headers.get("www-authenticate") ?? "";
    expect(response.status).toBe(401);
    expect(bearerChallenge(challenge)?.error).toBe("invalid_token");
    expect(challenge).toContain('resource_metadata="https://contacts.example.com/.well-known/');
    const said = challenge + (await response.text());
    expect(leaks(said, token)).toBe(false);
    expect(said).not.toContain("ai.azure.com");
    expect((await ask(undefined)).status).toBe(401);
  });

  test("a missing scope is answered 403 with the scope as Entra has to be asked for it", async () => {
    const response = await ask(await cloud.token({ scp: "other" }));
    expect(response.status).toBe(403);
    expect(bearerChallenge(response.headers.get("www-authenticate"))?.scopes).toEqual([
      `api://${cloud.app.clientId}/access_as_user`,
    ]);
  });

  test("keys that cannot be had are no fault of the token: nobody signs in again for it", async () => {
    const down = (): Promise<Response> => Promise.resolve(new Response("", { status: 503 }));
    expect((await ask(await cloud.token(), down)).status).toBe(500);
  });
});
