import { fork, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createPerson, type Person } from "../../examples/chat/no-user-token/person.js";
import { killed } from "../../examples/chat/processes.js";
import { startSetting, type Setting } from "../../examples/chat/no-user-token/setting.js";
import { shapes } from "../../examples/chat/no-user-token/shapes.js";
import { createVisitor } from "../../examples/chat/visitor.js";
import { compiled } from "../support/compiled.js";
import { freePort } from "../support/free-port.js";
import type { Told } from "./shared-store-agent.js";

/** Agents that keep grants themselves, and a process with the pages: all on one Redis, with the same keys. */
const names = { contacts: "Contacts assistant", calendar: "Calendar assistant" };
const calendarKey = generateKeyPairSync("ed25519", {
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const running: ChildProcess[] = [];
let setting: Setting;
let first: Agent;
let replica: Agent;

beforeAll(async () => {
  setting = await startSetting(shapes.redis);
  [first, replica] = await Promise.all([startAgent(), startAgent(), startPages()]);
}, 60_000);
afterAll(async () => {
  await Promise.all(running.map(killed));
  await setting.close();
});

test("a sign-in that is begun at one process serves its replica", async () => {
  const { oid, name } = setting.entra.user("Katherine Johnson");
  const asked = await first.person.says("user-k", "Who am I?");
  const code = await first.person.signsIn(asked.link ?? "", name);

  const confirm = await replica.person.says("user-k", code);
  expect(confirm.text).toContain(setting.entra.user(name).upn);
  const answered = await first.person.says("user-k", "yes");
  expect(answered.text).toContain(oid);

  expect((await replica.person.says("user-k", "Who am I?")).text).toContain(oid);
  expect((await replica.person.says("user-x", "Who am I?")).status).toBe("incomplete");
  expect(new Set(setting.contacts.verified.map((call) => call.oid))).toEqual(new Set([oid]));
});

test("a sign-out in one process is noticed by the other within a minute", async () => {
  const { oid, name } = setting.entra.user("Dorothy Vaughan");
  await signIn("user-d", name);
  for (const { person } of [first, replica])
    expect((await person.says("user-d", "Who am I?")).text).toContain(oid);

  await first.tell({ signOut: "user-d" });
  expect((await first.person.says("user-d", "Who am I?")).status).toBe("incomplete");
  await replica.tell({ aheadMs: 60_000 });
  const seen = setting.contacts.verified.length;
  const later = await replica.person.says("user-d", "Who am I?");
  expect(later.status).toBe("incomplete");
  expect(later.link).toBeDefined();
  expect(setting.contacts.verified).toHaveLength(seen);
});

test("a link that one agent forges in another's name is refused by the pages", async () => {
  const signedBy = { APP_SIGNING_KEY: calendarKey.privateKey };
  const honest = await startAgent({ ...signedBy, APP_NAME: names.calendar });
  const forging = await startAgent({ ...signedBy, APP_NAME: names.contacts });

  const own = await linkPage(honest);
  expect(own).toMatchObject({ status: 200, html: expect.stringContaining(names.calendar) });
  const forged = await linkPage(forging);
  expect(forged.status).toBe(400);
  expect(forged.html).not.toContain(names.contacts);
  expect(forged.html).not.toContain("<form");
}, 60_000);

interface Agent {
  readonly person: Person;
  tell(what: Told): Promise<void>;
}

/** Another process of the contacts assistant, or of whatever the environment says. */
async function startAgent(more: Readonly<Record<string, string>> = {}): Promise<Agent> {
  const port = await freePort();
  const [plan] = shapes.redis.processes(setting);
  const env = { ...plan?.env, PORT: String(port), ...more };
  const child = launch(new URL("shared-store-agent.ts", import.meta.url), env, "ipc");
  await answer(child, "ready");
  return {
    person: createPerson({ agentUrl: `http://127.0.0.1:${port}` }),
    async tell(what) {
      const done = answer(child, "done");
      child.send(what);
      await done;
    },
  };
}

async function startPages(): Promise<void> {
  const [, plan] = shapes.redis.processes(setting);
  if (plan === undefined) throw new Error("There is no process with the pages.");
  const agents = JSON.parse(plan.env["AGENTS"] ?? "") as Record<string, { scopes: readonly string[] }>;
  const { scopes } = agents[names.contacts] ?? {};
  const calendar = { publicKeys: [calendarKey.publicKey], scopes };
  const env = { ...plan.env, AGENTS: JSON.stringify({ ...agents, [names.calendar]: calendar }) };
  const child = launch(plan.file, env, "pipe");
  await new Promise<void>((ready, failed) => {
    child.once("exit", (code) => failed(new Error(`The pages ended with ${code}.`)));
    child.stdout?.on("data", (text) => /\bready\b/.test(String(text)) && ready());
  });
}

function launch(file: URL, env: Readonly<Record<string, string>>, out: "ipc" | "pipe"): ChildProcess {
  const child = fork(compiled(file), {
    env: { ...process.env, ...env },
    stdio: ["ignore", out === "pipe" ? "pipe" : "ignore", "inherit", "ipc"],
  });
  running.push(child);
  return child;
}

function answer(child: ChildProcess, expected: string): Promise<void> {
  return new Promise((done, failed) => {
    const ended = (code: number | null): void => failed(new Error(`The agent ended with ${code}.`));
    child.once("exit", ended);
    child.once("message", (said) => {
      child.off("exit", ended);
      if (said === expected) done();
      else failed(new Error(`The agent says ${JSON.stringify(said)}.`));
    });
  });
}

/** The whole way, at the first process. */
async function signIn(user: string, name: string): Promise<void> {
  const asked = await first.person.says(user, "Who am I?");
  const code = await first.person.signsIn(asked.link ?? "", name);
  await first.person.says(user, code);
  await first.person.says(user, "yes");
}

/** What the pages show to somebody who opens the link that an agent makes. */
async function linkPage({ person }: Agent): Promise<{ status: number; html: string }> {
  const { link } = await person.says("user-n", "Who am I?");
  return createVisitor().visit(link ?? "");
}
