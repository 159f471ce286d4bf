import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, inputRequired, McpServer, type ServerContext } from "@modelcontextprotocol/server";
import { freePort } from "../../support/free-port.js";
import { listening } from "../../support/listening.js";
import type { ClientKind } from "../../support/mcp-clients.js";
import { packageVersion } from "../../support/package-version.js";
import type { CounterpartWorld } from "../counterpart.js";
import { answers, startServer } from "../programs.js";
import type { Issuer } from "./gate.js";
import {
  calling,
  cancel,
  completes,
  discovers,
  ends,
  failing,
  getsPrompt,
  listens,
  listsPrompts,
  listsResources,
  logs,
  notified,
  parts,
  pings,
  progress,
  reads,
  resumes,
  structured,
  subscribes,
  task,
  toolsInclude,
  type Probes,
} from "./probes.js";

/** A server that nobody here wrote, and the features that it has. */
export interface FeatureServer {
  /** In the table. */
  readonly name: string;
  /** Starts it, and returns its address and release. */
  start(world: CounterpartWorld, issuer: Issuer): Promise<{ readonly url: string; readonly version: string }>;
  readonly probes: Partial<Readonly<Record<ClientKind, Probes>>>;
}

const root = new URL("../../../", import.meta.url);
const inRoot = (path: string): string => fileURLToPath(new URL(path, root));

/** Starts a program that listens on a port of the environment. */
async function startProgram(
  { children }: CounterpartWorld,
  program: string,
  args: readonly string[],
  env: (port: string) => NodeJS.ProcessEnv,
): Promise<string> {
  const port = await freePort();
  const child = children.start({
    program,
    args: args.map((arg) => arg.replace("PORT", String(port))),
    env: env(String(port)),
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  await answers(url, child);
  return url;
}

const everythingProbes: Probes = {
  "tools/list": toolsInclude("echo", "get-sum"),
  "tools/call": calling("echo", { message: "hello" }, /Echo: hello/),
  structured: structured("get-structured-content", { location: "Chicago" }),
  content: parts(
    [
      ["get-tiny-image", {}],
      ["get-resource-reference", { resourceType: "Text", resourceId: 1 }],
      ["get-resource-links", { count: 2 }],
    ],
    ["image", "resource", "resource_link"],
  ),
  progress: progress("trigger-long-running-operation", { duration: 1, steps: 4 }, 4),
  cancel: cancel(
    "trigger-long-running-operation",
    { duration: 20, steps: 2 },
    calling("echo", { message: "again" }, /Echo: again/),
  ),
  "resources/list": listsResources("Dynamic Text Resource"),
  "resources/read": reads("demo://resource/dynamic/text/1", /^Resource 1/, "demo://resource/dynamic/blob/1"),
  subscribe: subscribes("demo://resource/dynamic/text/1", "toggle-subscriber-updates"),
  "prompts/list": listsPrompts,
  "prompts/get": getsPrompt("args-prompt", { city: "Paris", state: "Texas" }, /Paris/),
  complete: completes("completable-prompt", { name: "department", value: "S" }, ["Sales", "Support"]),
  "logging between calls": notified("notifications/message", "toggle-simulated-logging"),
  sampling: calling("trigger-sampling-request", { prompt: "p", maxTokens: 5 }, /sampled/),
  elicitation: calling("trigger-elicitation-request", {}, /- Name: Zed/),
  "elicitation url": calling(
    "trigger-url-elicitation",
    { url: "https://modelcontextprotocol.io/connect" },
    /completed the URL elicitation flow/,
  ),
  "elicitation -32042": async (peer) => {
    const args = { url: "https://modelcontextprotocol.io/connect", errorPath: true, elicitationId: "e1" };
    const refused = await peer.callTool("trigger-url-elicitation", args).catch((error: unknown) => error);
    if ((refused as { code?: unknown }).code !== -32042) throw refused;
    return "-32042";
  },
  roots: calling("get-roots-list", {}, /file:\/\/\/work/),
  "roots changed": async (peer) => {
    peer.forget();
    await peer.sendRootsListChanged();
    // It asks for the list, and says so.
    const { data } = await peer.heard("notifications/message");
    return data;
  },
  ping: pings,
  delete: ends,
};

const everything: FeatureServer = {
  name: "server-everything",
  async start(world) {
    const { node, folder } = await world.environments.npm();
    const home = `${folder}/node_modules/@modelcontextprotocol/server-everything`;
    const url = await startProgram(world, node, [`${home}/dist/index.js`, "streamableHttp"], (PORT) => ({
      PORT,
    }));
    return { url, version: await packageVersion(home) };
  },
  probes: {
    v1: {
      ...everythingProbes,
      tasks: task("simulate-research-query", { topic: "tides" }, /Research Report: tides/),
    },
    "v2-legacy": everythingProbes,
  },
};

/** An example server that SDK v1 ships. */
function sdkExample(program: string, portName: string, probes: Probes): FeatureServer {
  return {
    name: `SDK v1, ${program}`,
    async start(world) {
      const home = inRoot("node_modules/@modelcontextprotocol/sdk");
      const path = `${home}/dist/esm/examples/server/${program}.js`;
      const url = await startProgram(world, process.execPath, [path], (port) => ({ [portName]: port }));
      return { url, version: await packageVersion(home) };
    },
    probes: { v1: probes, "v2-legacy": probes },
  };
}

const streamableExample = sdkExample("simpleStreamableHttp", "MCP_PORT", {
  "tools/call": calling("greet", { name: "Ada" }, /Hello, Ada!/),
  content: parts([["list-files", {}]], ["resource_link"]),
  elicitation: calling("collect-user-info", { infoType: "contact" }, /zed@example\.com/),
  "logging between calls": notified("notifications/message", "start-notification-stream", {
    interval: 50,
    count: 2,
  }),
  resume: resumes("start-notification-stream", { interval: 100, count: 20 }, /Started sending/),
  delete: ends,
});

const formExample = sdkExample("elicitationFormExample", "PORT", {
  "elicitation outside": calling("register_user", {}, /Registration successful.*zed01/s),
});

const goCommon: Probes = {
  "tools/list": toolsInclude("test_simple_text"),
  "tools/call": calling("test_simple_text", {}, /simple text/),
  content: parts(
    [
      ["test_image_content", {}],
      ["test_audio_content", {}],
      ["test_embedded_resource", {}],
    ],
    ["image", "audio", "resource"],
  ),
  "tool error": failing("test_error_handling", {}),
  progress: progress("test_tool_with_progress", {}, 3),
  "resources/list": listsResources("template"),
  "resources/read": reads("test://template/7/data", /Data for ID: 7/, "test://static-binary"),
  "prompts/list": listsPrompts,
  "prompts/get": getsPrompt("test_prompt_with_arguments", { arg1: "one", arg2: "two" }, /arg1='one'/),
  complete: completes("test_prompt_with_arguments", { name: "arg1", value: "o" }, []),
};
const goLegacy: Probes = {
  ...goCommon,
  "tools changed": notified("notifications/tools/list_changed", "test_trigger_tool_change"),
  "prompts changed": notified("notifications/prompts/list_changed", "test_trigger_prompt_change"),
  subscribe: subscribes("test://watched-resource"),
  logging: logs("test_tool_with_logging"),
  sampling: calling("test_sampling", { prompt: "p" }, /LLM response: sampled/),
  elicitation: calling("test_elicitation", { message: "m" }, /action=accept/),
  ping: pings,
  delete: ends,
};
const goModern: Probes = {
  ...goCommon,
  discover: discovers,
  "input form": calling("test_input_required_result_elicitation", {}, /Hello, Zed!/),
  "input sampling": calling("test_input_required_result_sampling", {}, /Sampling response: sampled/),
  "input roots": calling("test_input_required_result_list_roots", {}, /file:\/\/\/work/),
  "input state": calling("test_input_required_result_multi_round", {}, /./),
  "input prompt": getsPrompt("test_input_required_result_prompt", {}, /Context: c/),
  "listen tools": listens(
    { toolsListChanged: true },
    "notifications/tools/list_changed",
    "test_trigger_tool_change",
  ),
  "listen resource": listens(
    { resourceSubscriptions: ["test://watched-resource"] },
    "notifications/resources/updated",
  ),
};

/** It speaks 2026-07-28 without sessions only, and earlier revisions with them. */
function goServer(sessions: boolean, probes: FeatureServer["probes"]): FeatureServer {
  return {
    name: "Go SDK, everything-server",
    async start(world) {
      const { program, version } = await world.environments.go();
      const args = ["-http", "127.0.0.1:PORT", `-stateless=${!sessions}`];
      return { url: await startProgram(world, program, args, () => ({})), version };
    },
    probes,
  };
}

const fastMcpProbes: Probes = {
  pages: async (peer) => {
    const first = await peer.listTools();
    const { nextCursor } = first;
    const second = await peer.listTools({ cursor: nextCursor });
    return [first, second].map((page) => (page["tools"] as readonly unknown[]).length);
  },
  "tools/call": calling("whoami", {}, /./),
  structured: structured("greeting", { name: "Ada" }),
  "tool error": failing("fail", {}),
  progress: progress("count", { steps: 4 }, 4),
  "tools changed": notified("notifications/tools/list_changed", "announce"),
  "resources/list": listsResources("note"),
  "resources/read": reads("note://7", /note 7/),
  "prompts/get": getsPrompt("summary", { subject: "tides" }, /tides/),
  logging: logs("report"),
  "sampling outside": calling("think", {}, /sampled/),
  elicitation: calling("greet", {}, /Hello Zed/),
  "server closes": calling("pause", {}, /went on/),
  roots: calling("folders", {}, /file:\/\/\/work/),
  ping: pings,
  delete: ends,
};

const fastMcp: FeatureServer = {
  name: "FastMCP",
  async start(world, issuer) {
    const { url, versions } = await startServer(world, "mcp", "fastmcp_server", issuer, "/mcp");
    return { url: `${url}/mcp`, version: versions.replace("fastmcp ", "") };
  },
  probes: {
    v1: fastMcpProbes,
    "v2-legacy": fastMcpProbes,
    "v2-modern": {
      discover: discovers,
      "tools/call": calling("whoami", {}, /./),
      structured: structured("greeting", { name: "Ada" }),
      "tool error": failing("fail", {}),
      progress: progress("count", { steps: 4 }, 4),
      "resources/list": listsResources("note"),
      "resources/read": reads("note://7", /note 7/),
      "prompts/get": getsPrompt("summary", { subject: "tides" }, /tides/),
    },
  },
};

const page = { message: "Connect", url: "https://modelcontextprotocol.io/connect" };

/** SDK v2 ships no example, so its server has the tools that no other one has. */
const sdkV2: FeatureServer = {
  name: "SDK v2",
  async start({ atEnd }) {
    const handler = createMcpHandler(() => {
      const server = new McpServer({ name: "issues", version: "1.0.0" });
      server.registerTool("connect", { description: "Connects" }, async ({ mcpReq }: ServerContext) =>
        mcpReq.inputResponses === undefined
          ? inputRequired({ inputRequests: { page: inputRequired.elicitUrl(page) }, requestState: "state" })
          : { content: [{ type: "text", text: "connected" }] },
      );
      server.registerTool("change", { description: "Says that the tools have changed" }, async () => {
        handler.notify.toolsChanged();
        return { content: [{ type: "text", text: "changed" }] };
      });
      server.registerTool("wait", { description: "Takes its time" }, async () => {
        await delay(20_000, undefined, { ref: false });
        return { content: [] };
      });
      return server;
    });
    const host = await listening(createServer(toNodeHandler(handler)));
    atEnd(() => host.close());
    return {
      url: `${host.url}/mcp`,
      version: await packageVersion(inRoot("node_modules/@modelcontextprotocol/server")),
    };
  },
  probes: {
    "v2-modern": {
      "tools/list": toolsInclude("connect", "change"),
      "tools/call": calling("change", {}, /changed/),
      cancel: cancel("wait", {}, calling("change", {}, /changed/)),
      discover: discovers,
      "input url": calling("connect", {}, /connected/),
      "listen tools": listens({ toolsListChanged: true }, "notifications/tools/list_changed", "change"),
    },
    "v2-legacy": { "tools/call": calling("change", {}, /changed/) },
  },
};

/** All there are. What takes longest comes first. */
export const featureServers: readonly FeatureServer[] = [
  everything,
  fastMcp,
  goServer(true, { v1: goLegacy, "v2-legacy": goLegacy }),
  goServer(false, { "v2-modern": goModern }),
  streamableExample,
  formExample,
  sdkV2,
];
