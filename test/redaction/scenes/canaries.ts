import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { writeFileSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEntra } from "hosted-agent-identity/testing";
import { HostedAgentIdentityError, type OnEvent } from "hosted-agent-identity";
import { emit } from "../../../src/events/events.js";
import { traced } from "../../../src/events/steps.js";
import { redisOperator } from "../../support/redis-operator.js";
import { startRedis } from "../../support/redis-server.js";
import { scriptedModel } from "../../support/scripted-model.js";
import { captureKinds, secret, shown, type CaptureKind } from "../recorder.js";
import { watchedPage } from "./browser.js";
import { dumpRedis, watchRedis } from "./redis.js";

/**
 * Leaks something into every kind of place, so that the test can see it found there: a recorder that is deaf
 * somewhere would find a leaking demo clean.
 */
export async function playCanaries(): Promise<boolean> {
  const canaries = Object.fromEntries(
    captureKinds.map((kind) => [kind, randomBytes(33).toString("base64url")]),
  );
  const of = (kind: CaptureKind): string => canaries[kind] ?? "";
  for (const kind of captureKinds) secret({ kind: `canary of ${kind}`, value: of(kind) });

  console.log(`in part: ${of("stdout").slice(5, 29)}`);
  const child = spawn(process.execPath, [
    ...process.execArgv,
    "--eval",
    `console.error(Buffer.from("a" + ${JSON.stringify(of("stderr"))}).toString("base64"))`,
  ]);
  await new Promise((ended) => child.once("exit", ended));
  void new HostedAgentIdentityError("entra_unreachable", "", { cause: { sent: of("error") } });
  const { onEvent }: { readonly onEvent?: OnEvent } = {};
  emit(onEvent, { type: "sign_in_refused", reason: of("event"), reference: "0123456789ab" });
  const step = {
    step: "acquire",
    serverLabel: of("span"),
    steppedUp: false,
    principal: undefined,
    trace: {},
  } as const;
  await traced(onEvent ?? {}, step, async () => undefined);
  await Promise.all([server(of), redis(of), file(of), model(of)]);
  return true;
}

type Canaries = (kind: CaptureKind) => string;

/** A page that leaks, fetched and opened; and the emulator, to which it leads. */
async function server(of: Canaries): Promise<void> {
  const entra = await startEntra({ apps: [], users: [] });
  const web = createServer((request, response) => {
    response.writeHead(200, {
      "content-type": "text/html",
      "set-cookie": `a=${of("browser cookies")}; HttpOnly`,
    });
    const from = new URL(request.url ?? "/", "http://here").pathname;
    response.end(from === "/page" ? `<input value="${of("page")}">` : leaking(of));
  });
  await new Promise<void>((listening) => web.listen(0, "127.0.0.1", listening));
  const origin = `http://127.0.0.1:${(web.address() as AddressInfo).port}`;
  await fetch(`${origin}/page`);
  await fetch(`${entra.origin}/common/oauth2/v2.0/authorize?login_hint=${of("emulator log")}`);
  shown("emulator log", JSON.stringify(entra.requests));

  const { page, close } = await watchedPage("a leaking page");
  await page.goto(`${origin}/?t=${of("browser history")}`);
  await page.goto(`${origin}/?t=${of("referrer")}`);
  await page.getByRole("link").click();
  await page.waitForURL(`${origin}/page`);
  await close();
  web.closeAllConnections();
  web.close();
  await entra.close();
}

function leaking(of: Canaries): string {
  return `<meta name="referrer" content="unsafe-url"><a href="/page">on</a><script>
    sessionStorage.setItem("kept", encodeURIComponent(${JSON.stringify(of("browser storage"))}));
    console.log(btoa("ab" + ${JSON.stringify(of("browser console"))}));
  </script>`;
}

async function model(of: Canaries): Promise<void> {
  const scripted = await scriptedModel([{ text: () => "thanks" }]);
  const body = JSON.stringify({ input: [{ type: "function_call_output", output: of("model input") }] });
  await (await fetch(`${scripted.baseUrl}/responses`, { method: "POST", body })).text();
  for (const { raw } of scripted.requests) shown("model input", raw);
  await scripted.close();
}

async function redis(of: Canaries): Promise<void> {
  const server = await startRedis();
  const unwatch = watchRedis(server.url, "canaries");
  const client = await redisOperator(server.url);
  await client.set("kept", of("redis"));
  await dumpRedis(server.url, "canaries");
  unwatch();
  client.destroy();
  await server.remove();
}

async function file(of: Canaries): Promise<void> {
  const path = join(tmpdir(), `canary-${process.pid}`);
  writeFileSync(path, of("file store"), { mode: 0o600 });
  shown("file store", readFileSync(path, "latin1"));
  rmSync(path);
}
