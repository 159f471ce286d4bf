import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { createClient } from "redis";
import { redisStore } from "hosted-agent-identity/sign-in";
import { refresher, rotatingIssuer, type Refresher } from "../../sign-in/support/rotating.js";
import { platformUser } from "../../sign-in/support/replica.js";
import {
  digestOf,
  startAuthorizationServer,
  type AuthorizationServer,
} from "../../support/authorization-server.js";
import { startRedis } from "../../support/redis-server.js";
import type { Counterpart, CounterpartWorld } from "../counterpart.js";
import { steps, type Answer, type Start, type Step } from "../rotation/messages.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const hour = 3_600_000;
/** How long a claim lives, which is how long nobody else may use its refresh token. */
const claimMs = 45_000;

/**
 * An authorization server that replaces refresh tokens and ends a grant whose token is used twice. Four processes
 * refresh at once; then one of them ends or stands still at each step.
 */
export const oidcProvider: Counterpart = {
  name: "oidc-provider",
  timeoutMs: 600_000,
  async run(world) {
    const scene = await startScene(world);
    const others = await Promise.all([1, 2, 3].map((n) => scene.start(`other ${n}`)));
    await world.checks.check("four processes refresh one grant with one request, round after round", () =>
      refreshTogether(scene, others),
    );
    const faults: readonly Fault[] = [
      ...steps.map((step) => ({ step, signal: "SIGKILL" as const, ms: 0 })),
      ...stops.map((step) => ({ step, signal: "SIGSTOP" as const, ms: 60_000 })),
      ...(["claimed", "answered"] as const).map((step) => ({ step, signal: "SIGSTOP" as const, ms: 30_000 })),
    ];
    const holders: [Fault, Holder][] = [];
    const queue = [...faults];
    const start = async (): Promise<void> => {
      for (let fault = queue.shift(); fault !== undefined; fault = queue.shift())
        holders.push([fault, await startHolder(scene, fault)]);
    };
    await Promise.all([start(), start(), start()]);
    await Promise.all(
      holders.map(([fault, holder]) =>
        world.checks.check(
          `${fault.signal}${fault.ms ? ` for ${fault.ms / 1_000} s` : ""}, ${fault.step}`,
          () => playFault(scene, fault, holder, others),
        ),
      ),
    );
    const manifest = JSON.parse(
      await readFile(join(root, "node_modules/oidc-provider/package.json"), "utf8"),
    );
    return `oidc-provider ${(manifest as { version: string }).version}`;
  },
};

/** The others do not differ where nothing ends. */
const stops = ["claimed", "sending", "decided", "answered", "written"] as const;

interface Fault {
  readonly step: Step;
  readonly signal: "SIGKILL" | "SIGSTOP";
  /** How long it stands still. */
  readonly ms: number;
}

interface Scene {
  readonly server: AuthorizationServer;
  /** Looks into the store and signs people in. */
  readonly here: Refresher;
  /** What a request of a scene does when it arrives or has been decided. */
  readonly atServer: Map<string, () => void>;
  start(name: string, fault?: Start["fault"]): Promise<AgentProcess>;
}

interface AgentProcess {
  readonly child: ChildProcess;
  token(person: string, callers: number, ahead?: number): Promise<Answer>;
}

async function startScene(world: CounterpartWorld): Promise<Scene> {
  const redis = await startRedis(["--maxmemory-policy", "noeviction"]);
  world.atEnd(() => redis.remove());
  const server = await startAuthorizationServer();
  world.atEnd(() => server.close());
  const atServer: Scene["atServer"] = new Map();
  server.pause({
    arrived: async (scene) => atServer.get(`${scene} arrived`)?.(),
    decided: async (scene) => atServer.get(`${scene} decided`)?.(),
  });
  const program = await bundled(world);
  const key = randomBytes(32).toString("base64");
  const { issuer, clientId, clientSecret } = server;
  const start: Scene["start"] = async (name, fault) => {
    const child = fork(program, { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    world.atEnd(() => void child.kill("SIGKILL"));
    const settings: Start = {
      server: { issuer, clientId, clientSecret },
      redisUrl: redis.url,
      key,
      scene: name,
      fault,
    };
    child.send(settings);
    await once(child, "message");
    return agentProcess(child);
  };
  const store = redisStore(createClient({ url: redis.url }));
  await store.start?.();
  world.atEnd(() => store.close?.());
  return { server, here: refresher(store, rotatingIssuer(server), { key }), atServer, start };
}

/** In the repository, so that it finds its packages. */
async function bundled(world: CounterpartWorld): Promise<string> {
  const folder = await mkdtemp(join(root, "test", "compiled-"));
  world.atEnd(() => rm(folder, { recursive: true, force: true }));
  const outfile = join(folder, "refresher.mjs");
  await build({
    entryPoints: [join(root, "test/foreign/rotation/refresher.ts")],
    outfile,
    bundle: true,
    packages: "external",
    alias: {
      "hosted-agent-identity/sign-in": join(root, "src/sign-in/index.ts"),
      "hosted-agent-identity": join(root, "src/index.ts"),
    },
    format: "esm",
    platform: "node",
    target: "node20",
  });
  return outfile;
}

function agentProcess(child: ChildProcess): AgentProcess {
  const waiting = new Map<number, (answer: Answer) => void>();
  child.on("message", (answer: Answer) => waiting.get(answer.id)?.(answer));
  child.once("exit", () => {
    for (const [id, done] of waiting) done({ id, given: ["ended"] });
  });
  let id = 0;
  return {
    child,
    token: (person, callers, ahead = 0) =>
      new Promise((done) => {
        id += 1;
        waiting.set(id, done);
        if (child.connected) child.send({ id, person, callers, ahead });
        else done({ id, given: ["ended"] });
      }),
  };
}

/** A person with a grant. */
async function signedIn({ here, server }: Scene, name: string): Promise<{ person: string; first: string }> {
  const first = await server.grant(name);
  const person = platformUser(name);
  await here.connect(person, first);
  return { person, first };
}

async function refreshTogether(scene: Scene, others: readonly AgentProcess[]): Promise<void> {
  const processes = [...others, await scene.start("a fourth")];
  const { person } = await signedIn(scene, "together");
  for (let round = 0; round < 5; round += 1) {
    const token = digestOf((await scene.here.stored(person)) ?? "");
    const answers = await Promise.all(processes.map((one) => one.token(person, 20, round * 2 * hour)));
    const given = new Set(answers.flatMap((answer) => answer.given));
    strictEqual(given.size, 1);
    ok([...given][0]?.startsWith("token "));
    strictEqual(scene.server.requests.filter((one) => one.token === token).length, 1);
  }
}

interface Holder {
  readonly agent: AgentProcess;
  readonly name: string;
}

async function startHolder(scene: Scene, { step, signal, ms }: Fault): Promise<Holder> {
  const name = `${signal} ${ms} ${step}`;
  const atServer = step === "arrived" || step === "decided";
  const agent = await scene.start(name, atServer ? undefined : { step, signal });
  if (atServer)
    scene.atServer.set(`${name} ${step}`, () => {
      scene.atServer.delete(`${name} ${step}`);
      agent.child.kill(signal);
    });
  return { agent, name };
}

/** How many people may have to sign in again: the one whose refresh token was replaced and not written. */
function mayLose({ step, signal, ms }: Fault): 0 | 1 {
  if (step === "arrived" || step === "decided") return 1;
  if (step === "answered") return signal === "SIGKILL" || ms > claimMs ? 1 : 0;
  // The instant between the last look at the claim and the system's own copy of the request.
  return step === "sending" && signal === "SIGSTOP" ? 1 : 0;
}

async function playFault(
  scene: Scene,
  fault: Fault,
  { agent, name }: Holder,
  others: readonly AgentProcess[],
): Promise<void> {
  const { server } = scene;
  const { person, first } = await signedIn(scene, name);
  const mine = agent.token(person, 1);
  if (fault.signal === "SIGSTOP") void delay(fault.ms).then(() => agent.child.kill("SIGCONT"));
  // The holder is there by now, and everybody else comes.
  await delay(1_000);
  const answers = await Promise.all(others.map((one) => one.token(person, 5)));
  const held = await mine;
  const given = answers.flatMap((answer) => answer.given);
  const lost = given.filter((one) => !one.startsWith("token "));
  const problem = `given ${[...new Set([...given, ...held.given])].join(", ")}`;
  if (mayLose(fault) === 0) deepStrictEqual(lost, [], problem);
  ok(
    lost.every((one) => one === "refresh_lost" || one === "signed out"),
    problem,
  );
  // One process ended the grant, and everybody there was told so. Elsewhere it is one that has ended.
  ok(answers.filter((answer) => answer.given.includes("refresh_lost")).length <= 1, problem);
  if (!(fault.step === "sending" && fault.signal === "SIGSTOP")) {
    const uses = server.requests.filter((one) => one.what === "refresh" && one.token === digestOf(first));
    for (const [n, { arrivedAt }] of uses.entries())
      ok(
        n === 0 || arrivedAt - (uses[n - 1]?.arrivedAt ?? 0) > claimMs - 1_000,
        "two uses within a claim's life",
      );
    ok(uses.length <= 2, "more than one try after a takeover");
  }
  // Whoever has a grant still can refresh it, and whoever has none is asked to sign in, once.
  const [one] = others as [AgentProcess];
  const later = await one.token(person, 1, 2 * hour);
  const is = later.given[0] ?? "";
  ok(lost.length > 0 ? is === "signed out" : mayLose(fault) === 1 || is.startsWith("token "), `later: ${is}`);
}
