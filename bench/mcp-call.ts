import { AsyncLocalStorage } from "node:async_hooks";
import { Client, StreamableHTTPClientTransport, type FetchLike } from "@modelcontextprotocol/client";
import {
  onBehalfOf,
  protectedResource,
  runWithUserContext,
  userAccess,
  type OnEvent,
} from "hosted-agent-identity";
import { cpuOf, sha256 } from "./cpu.js";
import { networkTo } from "./network.js";
import { app, resource, withoutNetwork } from "./ours.js";
import { contextOf, jwt, person } from "./people.js";
import { interleaved, median, timesMore } from "./statistics.js";
import type { Row } from "./table.js";

const rounds = 21;
const calls = 300;
const hashes = 5_000;
/**
 * Most of it is looking at the answer: its body is read, and stands in a response of its own again, which no wrapper
 * does that only adds a header.
 */
const mostHashes = 20;

/**
 * What an MCP `tools/call` costs of the processor when it carries the user's token, over the same client with the least
 * that could carry one: in times of one SHA-256 of that token. Nothing of the network is in it, which is noise beside it.
 */
export async function mcpCall(): Promise<readonly Row[]> {
  const token = jwt({ oid: person(1).oid });
  const context = contextOf(person(1));
  const source = withoutNetwork(onBehalfOf(app(networkTo("http://127.0.0.1:1"))));
  const steps: OnEvent = Object.assign(() => {}, {
    around: (_step: unknown, run: () => Promise<unknown>) => void run(),
  });
  const elicitation = { allowedLinks: ["https://bench.example.com/connect/"] };
  const contacts = userAccess(resource, [source], { fetch: answers });
  const heard = userAccess(resource, [source], { fetch: answers, onEvent: steps });
  const asking = userAccess(protectedResource({ ...resource, elicitation }), [source], { fetch: answers });
  const as = <T>(work: () => T): T => runWithUserContext(context, work);
  const fixed = await connected({
    requestInit: { headers: { authorization: `Bearer ${token}` } },
    fetch: answers,
  });
  const bare = await users.run("user", () => connected({ fetch: bareWrapper(token) }));
  const ours = await as(() => connected({ fetch: contacts.fetch }));
  const listened = await as(() => connected({ fetch: heard.fetch }));
  const declaring = await as(() => connected({ fetch: asking.fetch }));
  const subjects = {
    bare: () => cpuOf(calls, () => users.run("user", () => whoami(bare))),
    ours: () => cpuOf(calls, () => as(() => whoami(ours))),
    listened: () => cpuOf(calls, () => as(() => whoami(listened))),
    declaring: () => cpuOf(calls, () => as(() => whoami(declaring))),
    fixed: () => cpuOf(calls, () => whoami(fixed)),
    sha256: () => cpuOf(hashes, () => sha256(token)),
  };
  for (let warmed = 0; warmed < 20; warmed += 1) for (const one of Object.values(subjects)) await one();
  const taken = await interleaved(rounds, subjects);
  const inHashes = (one: readonly number[]): number =>
    timesMore(
      one.map((cpu, round) => cpu - (taken.bare[round] ?? Number.NaN)),
      taken.sha256,
    );
  const what = "MCP tools/call, cpu over a bare wrapper";
  const unit = "sha256 of the token";
  return [
    {
      what,
      unit,
      budget: mostHashes,
      goal: 2,
      ours: inHashes(taken.ours),
      note: `CPU a call: ${micro(taken.ours)}, with a bare wrapper (AsyncLocalStorage, Map, one copy of the headers) ${micro(taken.bare)}, with a header that never changes ${micro(taken.fixed)}; one sha256 ${micro(taken.sha256)}.`,
    },
    {
      what: `${what}, with a step listener`,
      unit,
      budget: mostHashes,
      goal: 3,
      ours: inHashes(taken.listened),
    },
    {
      what: `${what}, with elicitation.allowedLinks`,
      unit,
      budget: 30,
      ours: inHashes(taken.declaring),
      note: "declares elicitation.url in the body, and looks at the answer.",
    },
  ];
}

const users = new AsyncLocalStorage<string>();

/** The least that carries a user's token: who is asking, the token of it, and the headers with it. */
function bareWrapper(token: string): FetchLike {
  const tokens = new Map([["user", token]]);
  return async (url, init) => {
    const headers: Record<string, string> = {
      authorization: `Bearer ${tokens.get(users.getStore() ?? "") ?? ""}`,
    };
    new Headers(init?.headers).forEach((value, name) => {
      if (name !== "authorization") headers[name] = value;
    });
    return answers(url, { ...init, headers, redirect: "manual" });
  };
}

/** Answers as a server would, without one. */
const answers = async (_url: string | URL | Request, init?: RequestInit): Promise<Response> => {
  if (init?.method !== "POST") return new Response(null, { status: 405 });
  const { id, method } = JSON.parse(String(init.body)) as { id?: number; method: string };
  if (id === undefined) return new Response(null, { status: 202 });
  const result = method === "initialize" ? initialized : { content: [{ type: "text", text: "the caller" }] };
  return Response.json({ jsonrpc: "2.0", id, result });
};

const initialized = {
  protocolVersion: "2025-11-25",
  capabilities: { tools: {} },
  serverInfo: { name: "bench", version: "1.0.0" },
};

async function connected(
  options: ConstructorParameters<typeof StreamableHTTPClientTransport>[1],
): Promise<Client> {
  const client = new Client({ name: "bench", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(resource.url), options));
  return client;
}

function whoami(client: Client): Promise<unknown> {
  return client.callTool({ name: "whoami", arguments: {} });
}

function micro(taken: readonly number[]): string {
  return `${(median(taken) * 1000).toFixed(1)} µs`;
}
