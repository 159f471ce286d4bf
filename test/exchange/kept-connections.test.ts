import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  clientSecret,
  entraApp,
  type EntraApp,
  type EntraAppOptions,
  onBehalfOf,
  protectedResource,
  userAccess,
  type UserAccess,
} from "hosted-agent-identity";
import { agentApp, contextFor, mcpApp, tenant } from "../support/people.js";
import { testTls } from "../support/test-tls.js";
import { goodBody, json, refusal } from "../support/token-endpoint.js";

type Answer = (
  form: URLSearchParams,
  response: ServerResponse,
  request: IncomingMessage,
) => void | Promise<void>;

/** A token endpoint that keeps every socket and never says for how long. */
interface Endpoint {
  readonly origin: string;
  readonly sockets: Socket[];
  posts: number;
  answer: Answer;
  end(socket: Socket, how: "reset" | "closed"): void;
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const end of ends.splice(0)) await end();
});

async function endpoint({ tls = true }: { tls?: boolean } = {}): Promise<Endpoint> {
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    one.posts += 1;
    await one.answer(new URLSearchParams(body), response, request);
  };
  const took = (request: IncomingMessage, response: ServerResponse): void =>
    void take(request, response).catch(() => undefined);
  const server = tls ? createServer(testTls(), took) : createHttpServer(took);
  server.keepAliveTimeout = 0;
  const below = new Map<number | undefined, Socket>();
  server.on("connection", (socket: Socket) => void below.set(socket.remotePort, socket));
  server.on(tls ? "secureConnection" : "connection", (socket: Socket) => {
    socket.on("error", () => undefined);
    one.sockets.push(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const one: Endpoint = {
    origin: `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets: [],
    posts: 0,
    answer: (form, response) => json(response, 200, goodBody(form)),
    end: (socket, how) =>
      void (how === "reset" ? below.get(socket.remotePort)?.resetAndDestroy() : socket.destroy()),
  };
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return one;
}

const resource = protectedResource({
  url: "https://mcp.example.com/mcp",
  serverLabel: "contacts",
  scopes: [`api://${mcpApp}/access_as_user`],
  audiences: [mcpApp],
});

function agent(at: Endpoint, more: Partial<EntraAppOptions> = {}): { app: EntraApp; access: UserAccess } {
  const app = entraApp({
    tenantId: tenant,
    clientId: agentApp,
    credential: clientSecret("not-a-real-secret"),
    cloud: { loginEndpoint: at.origin },
    connections: {},
    ...more,
  });
  ends.unshift(() => app.close());
  return { app, access: userAccess(resource, [onBehalfOf(app)]) };
}

const exchange = (access: UserAccess): Promise<unknown> => access.token(contextFor());
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "served",
    ({ code }: { code?: string }) => String(code),
  );
const soon = (ms = 20): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await soon(2);
}

/** Counts the pauses before the retries of passing trouble: each is as long as chance has it. */
function counted(): { random: (length: number) => Uint8Array; count(): number } {
  let calls = 0;
  return {
    random(length) {
      calls += 1;
      return new Uint8Array(length);
    },
    count: () => calls,
  };
}

describe("connections that are kept", () => {
  it("serve one exchange after the other, where fetch opens a new one for each", async () => {
    const at = await endpoint();
    const { access } = agent(at);
    for (let n = 0; n < 5; n += 1) await exchange(access);
    expect([at.posts, at.sockets.length]).toEqual([5, 1]);
  });

  it("work over plain http on a loopback host, as an emulator has it", async () => {
    const at = await endpoint({ tls: false });
    const { access } = agent(at);
    for (let n = 0; n < 3; n += 1) await exchange(access);
    expect([at.posts, at.sockets.length]).toEqual([3, 1]);
  });

  it("are no more than allowed, and the others wait for their turn outside of the deadline", async () => {
    const at = await endpoint();
    at.answer = async (form, response) => {
      await soon(60);
      json(response, 200, goodBody(form));
    };
    const { access } = agent(at, { connections: { max: 2 }, timeoutMs: 500 });
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => outcome(exchange(access))));
    expect(new Set(outcomes)).toEqual(new Set(["served"]));
    expect(at.sockets.length).toBe(2);
  });

  it("end after they were idle for that long, and with close()", async () => {
    const at = await endpoint();
    const { access } = agent(at, { connections: { idleMs: 50 } });
    await exchange(access);
    await until(() => at.sockets[0]?.closed === true);
    const { app, access: another } = agent(at);
    await exchange(another);
    expect(at.sockets[1]?.closed).toBe(false);
    await app.close();
    await until(() => at.sockets[1]?.closed === true);
  });

  it("let what is under way end at close(), and are not kept after it", async () => {
    const at = await endpoint();
    let release = (): void => undefined;
    at.answer = async (form, response) => {
      await new Promise<void>((resolve) => (release = resolve));
      json(response, 200, goodBody(form));
    };
    const { app, access } = agent(at);
    const work = outcome(exchange(access));
    await until(() => at.posts === 1);
    await app.close();
    release();
    expect(await work).toBe("served");
    await until(() => at.sockets[0]?.closed === true);
  });

  it("trust no certificate that Node does not trust, whatever the environment says", async () => {
    const at = await endpoint();
    const { port } = new URL(at.origin);
    // The certificate is for 127.0.0.1 and localhost.
    const { access } = agent({ ...at, origin: `https://127.0.0.2:${port}` });
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
    expect(await outcome(exchange(access))).toBe("entra_unreachable");
    expect([at.posts, at.sockets.length]).toEqual([0, 0]);
  });

  it("are not for an app that has a fetch of its own", () => {
    const make = (more: Partial<EntraAppOptions>): EntraApp =>
      entraApp({ tenantId: tenant, clientId: agentApp, credential: clientSecret("s"), ...more });
    expect(() => make({ connections: {}, fetch })).toThrow(
      /connections: expected either connections or fetch/,
    );
    for (const connections of [{ max: 0 }, { max: 129 }, { idleMs: 0 }, { idlems: 5 }])
      expect(() => make({ connections: connections as object })).toThrow(
        expect.objectContaining({ code: "invalid_option" }),
      );
  });
});

describe("a connection that the server has ended", () => {
  it.each(["reset", "closed"] as const)(
    "%s, costs the next exchange one more connection, and no error",
    async (how) => {
      const at = await endpoint();
      const { random, count } = counted();
      const { access } = agent(at, { random });
      await Promise.all([exchange(access), exchange(access), exchange(access)]);
      const kept = at.sockets.length;
      const old = new Set(at.sockets);
      at.answer = (form, response, request) =>
        old.has(request.socket) ? at.end(request.socket, how) : json(response, 200, goodBody(form));
      await exchange(access);
      expect(count()).toBe(0);
      expect([at.posts, at.sockets.length]).toEqual([5, kept + 1]);
      await until(() => [...old].every(({ closed }) => closed));
    },
  );

  it("resets each request, is asked no third time at once", async () => {
    const at = await endpoint();
    const { access } = agent(at, { timeoutMs: 300 });
    await exchange(access);
    at.answer = (_form, _response, request) => at.end(request.socket, "reset");
    const before = at.posts;
    // By fetch it is three: each passing trouble is tried again twice.
    expect(await outcome(exchange(access))).toBe("entra_unreachable");
    expect(at.posts - before).toBe(4);
  });

  it.each([
    ["in the middle of an answer", 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"token_type":'],
    ["in its head", "HTTP/1.1 200 O"],
  ])("%s, is no reason to send again by itself", async (_, sent) => {
    const at = await endpoint();
    const { random, count } = counted();
    const { access } = agent(at, { random });
    await exchange(access);
    let broken = 0;
    at.answer = (form, response, request) => {
      if ((broken += 1) > 1) return json(response, 200, goodBody(form));
      request.socket.write(sent);
      setTimeout(() => at.end(request.socket, "reset"), 10);
      return undefined;
    };
    await exchange(access);
    expect([broken, count()]).toEqual([2, 1]);
  });
});

describe("the limits of every request to Entra hold", () => {
  it("for one that is never answered", async () => {
    const at = await endpoint();
    at.answer = () => undefined;
    const { access } = agent(at, { timeoutMs: 100 });
    expect(await outcome(exchange(access))).toBe("entra_timeout");
    await until(() => at.sockets[0]?.closed === true);
  });

  it("for one whose answer does not end", async () => {
    const at = await endpoint();
    at.answer = (_form, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write("{");
    };
    const { access } = agent(at, { timeoutMs: 100 });
    expect(await outcome(exchange(access))).toBe("entra_timeout");
    await until(() => at.sockets[0]?.closed === true);
  });

  it("for answers that are too large, redirects, and ones that are no HTTP", async () => {
    const at = await endpoint();
    let visited = false;
    const elsewhere = await endpoint();
    elsewhere.answer = (form, response) => {
      visited = true;
      json(response, 200, goodBody(form));
    };
    const answers: readonly [string, Answer][] = [
      [
        "entra_bad_response",
        (_form, response) => void response.writeHead(200).end("x".repeat(2 * 1024 * 1024)),
      ],
      [
        "entra_bad_response",
        (_form, response) => void response.writeHead(307, { location: elsewhere.origin }).end(),
      ],
      ["entra_bad_response", (_form, response) => void response.writeHead(204).end()],
      ["entra_unreachable", (_form, __, request) => void request.socket.end("HTTP/1.1 999 odd\r\n\r\n")],
      ["entra_unreachable", (_form, __, request) => void request.socket.end("nonsense\r\n\r\n")],
    ];
    const seen = [];
    for (const [, answer] of answers) {
      at.answer = answer;
      seen.push(await outcome(exchange(agent(at).access)));
    }
    expect(seen).toEqual(answers.map(([code]) => code));
    expect(visited).toBe(false);
  });

  it("and its refusals are read as always", async () => {
    const at = await endpoint();
    at.answer = (_form, response) => json(response, 400, refusal("invalid_grant", 50_076, { claims: "{}" }));
    expect(await outcome(exchange(agent(at).access))).toBe("step_up_required");
  });
});
