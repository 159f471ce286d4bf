import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { flag, func, list, orElse, text } from "../../options/checks.js";
import { readOptions, type OptionTable } from "../../options/option-table.js";
import { json, readBody, write } from "../entra/http.js";
import { refOption, type AppRef } from "../entra/refs.js";
import { entraOption, type EntraEmulator } from "../entra/emulator.js";
import { RpcFailure, type RpcMessage } from "../foundry/toolbox/rpc.js";
import { createGate, type Gate } from "./gate.js";
import { newReceipt, noncesIn } from "./marks.js";
import { witnessTalk } from "./witness-talk.js";
import { messageIn, witnessProtocol, witnessUri, type WitnessRequest } from "./witness-mcp.js";
import { tokenReader, type TokenReader, type WitnessedToken } from "./witness-token.js";

/**
 * What {@link startWitness} starts with.
 * @group Test kit
 */
export interface WitnessOptions {
  readonly entra: EntraEmulator;
  /** The app of the MCP server that the witness stands in for, by name or client id. */
  readonly app: AppRef;
  /** The tools that the agent may call. Default: `whoami`. */
  readonly tools?: readonly string[];
  /**
   * What a tool returns, where the agent needs it in a certain form. Put `receipt` into what the agent tells its
   * user: it shows whose data an answer holds. Default: the facts as they are.
   */
  readonly result?: (facts: WitnessFacts) => Readonly<Record<string, unknown>>;
  /** Whether there are MCP sessions. Default true: a session that two people share is a fault. */
  readonly sessions?: boolean;
}

/** The options of {@link startWitness}. */
export const witnessOptions: OptionTable<WitnessOptions, "tools" | "result" | "sessions"> = {
  entra: entraOption,
  app: refOption,
  tools: orElse(list(text()), ["whoami"]),
  result: orElse(func<NonNullable<WitnessOptions["result"]>>(), (facts) => ({ ...facts })),
  sessions: orElse(flag, true),
};

/**
 * What the witness knows of one tool call, or of one reading of `witness://me`.
 * @group Test kit
 */
export interface WitnessFacts {
  /** The object id in the token. */
  readonly oid: string;
  /** Whose that is; "" for nobody whom the emulator knows. */
  readonly name: string;
  /** The tool, or the URI of the resource. */
  readonly tool: string;
  /** A word that stands in the result of this call and nowhere else. */
  readonly receipt: string;
}

/**
 * What reached the witness. Holds no token.
 * @group Test kit
 */
export interface WitnessCall {
  /** The method of MCP; of HTTP, where a request has none. */
  readonly method: string;
  /**
   * `person`: a good token of somebody. `application`: a good token of an app. `other_audience`: a good token, but
   * for another server. `refused`: expired, unreadable, not Entra's, or worn out on purpose.
   */
  readonly token: WitnessedToken["token"];
  /** The object id in the token. */
  readonly oid?: string;
  /** The token came to the agent as one for a resource, which its server could have sent on. */
  readonly replayed?: true;
  /** Who opened the MCP session that the request is in. */
  readonly sessionOf?: string | undefined;
  /** The questions that the arguments of a tool call name. */
  readonly nonces: readonly string[];
  /** What the result of a tool call holds. */
  readonly receipt?: string | undefined;
}

/**
 * An MCP server that Entra protects and that sees who calls whose tools.
 * @group Test kit
 */
export interface Witness {
  readonly url: string;
  /** For `protectedResource()`. */
  readonly resource: {
    readonly url: string;
    readonly serverLabel: string;
    readonly scopes: readonly string[];
    readonly audiences: readonly string[];
  };
  /** Every request so far, oldest first. */
  readonly calls: readonly WitnessCall[];
  /** Forgets every MCP session: their next request is answered 404. */
  dropSessions(): void;
  /** Takes none of the tokens any more with which somebody has called so far: the next call is answered 401. */
  wearOut(oid: string): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  /** @internal */
  readonly [witnessGate]: Gate;
}

/** Where a check gets at the order in which calls are answered. */
export const witnessGate: unique symbol = Symbol.for("hosted-agent-identity/testing/witness-gate") as never;

/**
 * Starts an MCP server for {@link checkIsolation} on 127.0.0.1, in place of the one that the agent calls: it takes
 * tokens for the same app, verifies each, and notes whose it was. It speaks MCP 2025-11-25 with sessions. Besides
 * its tools it has the resource `witness://me`, with the same facts, which clients may cache for a minute. While a call
 * is under way it notifies (`notifications/message`), and asks a form (`elicitation/create`) if the client takes any,
 * on the stream that the client holds open.
 *
 * Throws `invalid_option` for an app nobody declared.
 *
 * Entry point: `hosted-agent-identity/testing`.
 *
 * @example
 * ```ts
 * import { startEntra, startWitness } from "hosted-agent-identity/testing";
 *
 * await using entra = await startEntra({
 *   apps: [{ name: "agent", scopes: ["access_as_user"], secrets: ["agent-secret"] }, { name: "contacts", scopes: ["read"] }],
 *   users: [{ name: "Ada" }, { name: "Bob" }],
 * });
 * await using witness = await startWitness({ entra, app: "contacts", tools: ["my_contacts"] });
 * console.log(witness.resource.url);
 * ```
 * @group Test kit
 */
export async function startWitness(options: WitnessOptions): Promise<Witness> {
  const settings = readOptions("startWitness", witnessOptions, options);
  const { entra, tools, result, sessions } = settings;
  const app = entra.app(settings.app);
  const calls: WitnessCall[] = [];
  const gate = createGate();
  const whose = takingTokens(tokenReader(entra, app));
  const talk = witnessTalk();
  let answers = 0;
  const protocol = witnessProtocol({
    tools,
    hasSessions: sessions,
    streams: () => answers++ % 2 === 1,
    call(tool, request) {
      const value = factsFor(tool, request);
      return { content: [{ type: "text", text: JSON.stringify(value) }], structuredContent: value };
    },
    read: (request) => JSON.stringify(factsFor(witnessUri, request)),
  });

  function factsFor(tool: string, { oid, receipt }: WitnessRequest): Readonly<Record<string, unknown>> {
    const name = entra.users.find((user) => user.oid === oid)?.name ?? "";
    return result({ oid, name, tool, receipt });
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const method = request.method ?? "";
    const body = await readBody(request);
    const message = messageIn(body);
    const bearer = await whose.read(request.headers.authorization);
    const session = single(request.headers["mcp-session-id"]);
    const sessionOf = protocol.ownerOf(session);
    const isCall = !(message instanceof RpcFailure) && tellingMethods.has(message.method);
    const receipt = newReceipt();
    const takenReply = bearer.token === "person" ? talk.replyIn(session, body) : undefined;
    calls.push({
      method: takenReply?.isAnswer ? asking : message instanceof RpcFailure ? method : message.method,
      ...bearer,
      sessionOf,
      nonces: isCall || takenReply?.isAnswer ? noncesIn(body) : [],
      receipt: isCall && bearer.token === "person" ? receipt : undefined,
    });
    if (bearer.token !== "person" || bearer.oid === undefined) {
      return write(response, json(401, {}, { "www-authenticate": 'Bearer error="invalid_token"' }));
    }
    const takesStream = (request.headers.accept ?? "").includes("text/event-stream");
    if (session !== undefined && sessionOf !== undefined) {
      if (method === "GET" && takesStream) return talk.open(session, response);
      if (takenReply !== undefined) return write(response, { status: 202, headers: {}, body: "" });
    }
    if (isCall) {
      await gate.pass(gone.signal);
      const said = newReceipt();
      if (talk.hears(session))
        calls.push({ method: "notifications/message", ...bearer, sessionOf, nonces: [], receipt: said });
      await talk.say(session, said);
    }
    const reply = protocol.answer({ method, message, session, takesStream, oid: bearer.oid, receipt });
    const opened = reply.headers["mcp-session-id"];
    if (opened !== undefined && takesForms(message)) talk.takesQuestions(opened);
    write(response, reply);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  const [identifier = app.clientId] = app.identifierUris;

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }
  return {
    url,
    resource: {
      url,
      serverLabel: app.name,
      scopes: app.scopes.map(({ name }) => `${identifier}/${name}`),
      audiences: [app.clientId, ...app.identifierUris],
    },
    calls,
    dropSessions: protocol.dropSessions,
    wearOut: whose.wearOut,
    close,
    [Symbol.asyncDispose]: close,
    [witnessGate]: gate,
  };
}

/** The methods whose results say whose data they are. */
const tellingMethods: ReadonlySet<unknown> = new Set(["tools/call", "resources/read"]);

/** How a reply to the question of the witness is noted. */
export const asking = "elicitation/create";

/** Forms are what a client takes that names no mode. Source: MCP 2025-11-25, client/elicitation, capabilities. */
function takesForms(message: RpcMessage | RpcFailure): boolean {
  if (message instanceof RpcFailure) return false;
  const { elicitation } = Object(message.params?.["capabilities"]) as { elicitation?: object };
  return elicitation !== undefined && ("form" in elicitation || !("url" in elicitation));
}

/** Takes a token until it is worn out. Tokens are kept as their hash, and as long as the witness runs. */
function takingTokens(read: TokenReader): { read: TokenReader; wearOut(oid: string): void } {
  const used = new Map<string, Set<string>>();
  const wornOut = new Set<string>();
  return {
    async read(authorization) {
      const bearer = await read(authorization);
      if (bearer.token !== "person" || bearer.oid === undefined) return bearer;
      const hash = createHash("sha256")
        .update(authorization ?? "")
        .digest("base64");
      if (wornOut.has(hash)) return { ...bearer, token: "refused" };
      used.set(bearer.oid, (used.get(bearer.oid) ?? new Set()).add(hash));
      return bearer;
    },
    wearOut(oid) {
      for (const hash of used.get(oid) ?? []) wornOut.add(hash);
      used.delete(oid);
    },
  };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(",") : value;
}
