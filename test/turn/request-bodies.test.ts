import { brotliCompressSync, constants, deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { ResponsesRun } from "hosted-agent-identity";
import { responsesHosts, type StartHost } from "../support/responses-hosts.js";
import type { RunningHost } from "../support/listening.js";

let host: RunningHost | undefined;
afterEach(async () => {
  await host?.close();
  host = undefined;
});

const echo: ResponsesRun = async function* ({ input }) {
  yield `You said ${input}`;
};

function post(
  body: Uint8Array<ArrayBuffer> | string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${host?.url}/responses`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
  });
}

async function errorOf(answer: Response): Promise<{ code: string; message: string }> {
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  return error;
}

const hello = JSON.stringify({ input: "héllo" });
const deep = `{"input":"x","metadata":${"[".repeat(20_000)}${"]".repeat(20_000)}}`;
const wide = `{"input":"x","more":[${"0,".repeat(50_100)}0]}`;

const large = JSON.stringify({ input: "x".repeat(50_000_000) });
// Packed once for all hosts: it takes longer than the rest of this file.
const bombs = [
  ["gzip", gzipSync(large)],
  ["deflate", deflateSync(large)],
  ["br", brotliCompressSync(large, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })],
] as const;

/** Those that leave the body to this package. */
const reading = Object.entries(responsesHosts).filter(([name]) => !/fastify|json\(\)/.test(name));

describe.each(reading)("on %s, the body of a request", (_, start: StartHost) => {
  it("may begin with a byte order mark", async () => {
    host = await start(echo);
    const answer = await post(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(hello)]));
    expect(await answer.json()).toMatchObject({ output: [{ content: [{ text: "You said héllo" }] }] });
  });

  it.each([
    ["that is no UTF-8", Buffer.from(hello, "latin1"), "invalid_json", /not valid UTF-8/],
    ["that is UTF-16", Buffer.from(hello, "utf16le"), "invalid_json", /UTF-8|JSON/],
    ["that is empty", "", "invalid_json", /is empty/],
    ["of 20 000 levels", deep, "request_too_complex", /more than 100 levels of nesting/],
    ["of 50 100 values", wide, "request_too_complex", /more than 50000 values/],
  ])("%s is refused before anything is built of it", async (_name, body, code, message) => {
    const run = vi.fn(echo);
    host = await start(run);
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(await errorOf(answer)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(run).not.toHaveBeenCalled();
  });

  it.each([
    ["gzip", gzipSync(hello)],
    ["x-gzip", gzipSync(hello)],
    ["deflate", deflateSync(hello)],
    ["br", brotliCompressSync(hello)],
    [" GZIP ", gzipSync(hello)],
    ["identity", Buffer.from(hello)],
  ])("is read when it is compressed as %j", async (encoding, body) => {
    host = await start(echo);
    const answer = await post(body, { "content-encoding": encoding });
    expect(await answer.json()).toMatchObject({ output: [{ content: [{ text: "You said héllo" }] }] });
  });

  it.each(["zstd", "gzip, br", "rot13"])("is refused when it is compressed as %j", async (encoding) => {
    host = await start(echo);
    const answer = await post(gzipSync(hello), { "content-encoding": encoding });
    expect(answer.status).toBe(415);
    expect(answer.headers.get("accept-encoding")).toBe("gzip, deflate, br, identity");
    expect((await errorOf(answer)).code).toBe("unsupported_content_encoding");
  });

  it.each(bombs)("may not grow over the limit when it is unpacked: %s", async (encoding, bomb) => {
    host = await start(echo, { maxBodyBytes: 100_000 });
    expect(bomb.length).toBeLessThan(100_000);
    const answer = await post(bomb, { "content-encoding": encoding });
    expect(answer.status).toBe(413);
    expect((await errorOf(answer)).code).toBe("request_too_large");
  });

  it.each(["gzip", "deflate", "br"])("that is not what it says, %s, is refused", async (encoding) => {
    host = await start(echo);
    const answer = await post(hello, { "content-encoding": encoding });
    expect(answer.status).toBe(400);
    expect((await errorOf(answer)).code).toBe("invalid_encoding");
  });
});

describe.each(Object.entries(responsesHosts))("on %s", (_, start: StartHost) => {
  it.each([
    ["deep", deep],
    ["wide", wide],
  ])(
    "a body that is too %s is refused whoever has parsed it, and the next one is answered",
    async (_n, body) => {
      host = await start(echo);
      const answer = await post(body);
      expect(answer.status).toBe(400);
      expect((await errorOf(answer)).code).toBe("request_too_complex");
      expect((await post(hello)).status).toBe(200);
    },
  );
});
