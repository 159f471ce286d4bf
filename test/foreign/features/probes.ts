import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Client as ClientV2 } from "@modelcontextprotocol/client";
import type { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import type { Feature } from "./features.js";
import { textOf, type Answer, type Peer } from "./peer.js";

/** One feature, once, at one server. It returns what was seen, and throws where that is not what the feature is for. */
export type Probe = (peer: Peer, world: ProbeWorld) => Promise<unknown>;
export type Probes = Partial<Readonly<Record<Feature, Probe>>>;

export interface ProbeWorld {
  /** Cuts the connection of the next call of this client, once its answer has begun. */
  cut(): Promise<void>;
}

/** The names in a list. */
export function namesIn(
  answer: Answer,
  list: "tools" | "prompts" | "resources" | "resourceTemplates",
): string[] {
  const names = (answer[list] as readonly { readonly name: string }[]).map(({ name }) => name);
  // What a probe of another client has added is everybody's.
  return names.filter((name) => !name.startsWith("__"));
}

export const toolsInclude =
  (...names: readonly string[]): Probe =>
  async (peer) => {
    const found = namesIn(await peer.listTools(), "tools");
    for (const name of names) ok(found.includes(name), `no tool ${name}`);
    return found;
  };

/** A call whose text, or answer, is like this. */
export const calling =
  (name: string, args: object, like: RegExp): Probe =>
  async (peer) => {
    const answer = await peer.callTool(name, args);
    const text = textOf(answer);
    match(text, like);
    return [answer["isError"] === true, like.exec(text)?.[0]];
  };

export const failing =
  (name: string, args: object): Probe =>
  async (peer) => {
    const answer = await peer.callTool(name, args);
    strictEqual(answer["isError"], true);
    return textOf(answer);
  };

export const structured =
  (name: string, args: object): Probe =>
  async (peer) => {
    const { structuredContent } = await peer.callTool(name, args);
    ok(structuredContent, "no structured content");
    return structuredContent;
  };

/** Calls whose answers have parts of these types. */
export const parts =
  (calls: readonly (readonly [name: string, args: object])[], types: readonly string[]): Probe =>
  async (peer) => {
    const seen: string[] = [];
    for (const [name, args] of calls) {
      const { content } = await peer.callTool(name, args);
      seen.push(...(content as readonly { readonly type: string }[]).map(({ type }) => type));
    }
    for (const type of types) ok(seen.includes(type), `no part of type ${type}`);
    return seen;
  };

export const progress =
  (name: string, args: object, steps: number): Probe =>
  async (peer) => {
    let heard = 0;
    await peer.callTool(name, args, { onprogress: () => (heard += 1) });
    strictEqual(heard, steps);
    return heard;
  };

/** The call ends at once, and the next one works. */
export const cancel =
  (name: string, args: object, after: Probe): Probe =>
  async (peer, world) => {
    const stop = new AbortController();
    const call = peer.callTool(name, args, { signal: stop.signal });
    setTimeout(() => stop.abort(new Error("stopped")), 300);
    const outcome = await call.then(
      () => "it went on",
      () => "stopped",
    );
    strictEqual(outcome, "stopped");
    return after(peer, world);
  };

/** A notification that a call brings, in its stream or outside. */
export const notified =
  (method: string, name: string, args: object = {}): Probe =>
  async (peer) => {
    peer.forget();
    await peer.callTool(name, args);
    await peer.heard(method);
    return method;
  };

export const listsResources =
  (template: string): Probe =>
  async (peer) => {
    const resources = namesIn(await peer.listResources(), "resources");
    const templates = namesIn(await peer.listResourceTemplates(), "resourceTemplates");
    ok(resources.length > 0, "no resource");
    ok(templates.includes(template), `no template ${template}`);
    return [resources, templates];
  };

export const reads =
  (uri: string, like: RegExp, binary?: string): Probe =>
  async (peer) => {
    match(textOf(await peer.readResource({ uri })), like);
    if (binary === undefined) return true;
    const { contents } = await peer.readResource({ uri: binary });
    ok((contents as readonly { readonly blob?: string }[])[0]?.blob, "no blob");
    return true;
  };

/** `start` makes the server send updates, where it does not by itself. */
export const subscribes =
  (uri: string, start?: string): Probe =>
  async (peer) => {
    peer.forget();
    await peer.subscribeResource({ uri });
    if (start !== undefined) await peer.callTool(start);
    try {
      strictEqual((await peer.heard("notifications/resources/updated"))["uri"], uri);
    } finally {
      if (start !== undefined) await peer.callTool(start);
      await peer.unsubscribeResource({ uri });
    }
    return uri;
  };

export const listsPrompts: Probe = async (peer) => {
  const names = namesIn(await peer.listPrompts(), "prompts");
  ok(names.length > 0, "no prompt");
  return names;
};

export const getsPrompt =
  (name: string, args: object, like: RegExp): Probe =>
  async (peer) => {
    const answer = await peer.getPrompt({ name, arguments: args });
    match(JSON.stringify(answer["messages"]), like);
    return answer["messages"];
  };

export const completes =
  (name: string, argument: object, values: readonly string[]): Probe =>
  async (peer) => {
    const { completion } = await peer.complete({ ref: { type: "ref/prompt", name }, argument });
    deepStrictEqual((completion as { values: unknown }).values, values);
    return values;
  };

/** Messages of a call from a level on, and none below it. */
export const logs =
  (name: string, args: object = {}): Probe =>
  async (peer) => {
    await peer.setLoggingLevel("info");
    peer.forget();
    await peer.callTool(name, args);
    const { level } = await peer.heard("notifications/message");
    return level;
  };

export const pings: Probe = async (peer) => peer.ping();

/** The connection of a call is cut, and the answer comes all the same. */
export const resumes =
  (name: string, args: object, like: RegExp): Probe =>
  async (peer, { cut }) => {
    const cutting = cut();
    const text = textOf(await peer.callTool(name, args));
    await cutting;
    match(text, like);
    return text;
  };

export const ends: Probe = async (peer) => {
  ok(peer.sessionId, "no session");
  await peer.terminate();
  return peer.sessionId === undefined;
};

/** A tool that is a task: begun, asked after, fetched. Only SDK v1 has tasks. */
export const task =
  (name: string, args: object, like: RegExp): Probe =>
  async (peer) => {
    const { tasks } = (peer.client as ClientV1).experimental;
    const seen: string[] = [];
    let text = "";
    for await (const message of tasks.callToolStream({ name, arguments: { ...args } })) {
      if (!seen.includes(message.type)) seen.push(message.type);
      if (message.type === "error") throw message.error;
      if (message.type === "result") text = textOf(message.result as Answer);
    }
    match(text, like);
    return seen;
  };

export const discovers: Probe = async (peer) => {
  const { capabilities, instructions } = await (peer.client as ClientV2).discover();
  return [Object.keys(capabilities).sort(), typeof instructions];
};

/** Listens for one kind of change, which `change` causes where it does not happen by itself. */
export const listens =
  (filter: object, method: string, change?: string): Probe =>
  async (peer) => {
    peer.forget();
    const subscription = await (peer.client as ClientV2).listen(filter);
    try {
      if (change !== undefined) await peer.callTool(change);
      await peer.heard(method);
    } finally {
      await subscription.close();
    }
    return method;
  };
