import express from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { getUserContext } from "../../src/context/ambient.js";
import { userTokenVerifier } from "../../src/context/verify.js";
import { userContext } from "../../src/http/express.js";
import { startTestCloud, type TestCloud } from "../support/keys.js";

let cloud: TestCloud;
beforeAll(async () => void (cloud = await startTestCloud()));
afterAll(() => cloud.close());

test("the handler knows the person", async () => {
  const app = express();
  app.use(userContext({ verify: userTokenVerifier({ app: cloud.app }) }));
  app.get("/", (_req, res) => void res.json(getUserContext().user));
  const server = app.listen(0);
  const { port } = server.address() as { port: number };
  const token = await cloud.token({ oid: "dddddddd-0000-4000-8000-000000000002" });
  const response = await fetch(`http://127.0.0.1:${port}/`, {
    headers: { "x-client-user-token": `Bearer ${token}` },
  });
  expect(await response.json()).toMatchObject({
    oid: "dddddddd-0000-4000-8000-000000000002",
    tid: cloud.home,
  });
  server.close();
});
