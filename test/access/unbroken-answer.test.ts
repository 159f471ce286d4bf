import { describe, expect, it, vi } from "vitest";
import { HostedAgentIdentityError } from "hosted-agent-identity";
import { inspected } from "../../src/access/inspected-answer.js";
import { unbroken, type UnbrokenOptions } from "../../src/access/unbroken-answer.js";

const encoder = new TextEncoder();
const lost = "data: lost\n\n";
const answer = 'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n';
const broken = new TypeError("terminated");

/** A stream of these pieces, which ends, breaks with an error, or stays open. */
function stream(pieces: readonly string[], end: "end" | "open" | Error = "end"): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift();
      if (piece !== undefined) return controller.enqueue(encoder.encode(piece));
      if (end === "end") return controller.close();
      if (end !== "open") return controller.error(end);
      return new Promise(() => {});
    },
  });
}
const eventStream = (body: ReadableStream<Uint8Array>, status = 200): Response =>
  new Response(body, { status, headers: { "content-type": "text/event-stream" } });

/** What a client reads of a stream. */
async function read(
  body: ReadableStream<Uint8Array>,
  options: Partial<UnbrokenOptions> = {},
  hold = false,
): Promise<string> {
  const judge = { mayConcern: () => false, judge: () => undefined };
  const passed = await inspected(
    eventStream(body),
    judge,
    hold,
    unbroken({ id: () => 1, left: () => false, lost: () => encoder.encode(lost), ...options }),
  );
  return passed.text();
}

describe("a stream that does not answer its request", () => {
  const progress = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"result":1}}\n\n';
  it.each<[string, string[]]>([
    ["nothing", []],
    ["a comment", [": hello\n\n"]],
    ["a notification", [progress]],
    ["the answer to another request", ['data: {"jsonrpc":"2.0","id":2,"result":{}}\n\n']],
    ["a request of the server", ['data: {"jsonrpc":"2.0","id":1,"method":"ping","params":{"error":1}}\n\n']],
    ["no JSON", ['data: "result"}\n\n']],
    ["no object", ['data: ["result"]\n\n']],
  ])("ends with an error: %s", async (_what, pieces) => {
    for (const hold of [false, true])
      for (const end of ["end", broken] as const)
        expect(await read(stream(pieces, end), {}, hold)).toBe(pieces.join("") + lost);
  });

  it("ends with an error without the half event that it broke off in", async () => {
    expect(await read(stream([progress, answer.slice(0, 20)], broken))).toBe(progress + lost);
  });

  it("ends the event whose beginning was passed on already", async () => {
    const beginning = `data: {"jsonrpc":"2.0","id":1,"result":{"x":"${"x".repeat(100_000)}`;
    const passed = await read(stream([beginning], broken));
    expect(passed.endsWith(`x\n\n${lost}`)).toBe(true);
  });
});

describe("a stream that has answered its request", () => {
  it.each(["result", "error"])("passes as it is: with %s", async (member) => {
    const text = `data: {"jsonrpc":"2.0","id":1,"${member}":{}}\n\n`;
    expect(await read(stream([text]))).toBe(text);
    await expect(read(stream([text], broken))).rejects.toBe(broken);
  });

  it("passes as it is where the answer is too long to look at", async () => {
    const text = `data: {"jsonrpc":"2.0","id":1,"result":{"x":"${"x".repeat(100_000)}"}}\n\n`;
    expect(await read(stream([text.slice(0, 70_000), text.slice(70_000)]))).toBe(text);
  });

  it("passes as it is where nobody waits, or there was no request", async () => {
    await expect(read(stream([], broken), { left: () => true })).rejects.toBe(broken);
    await expect(read(stream([], broken), { id: () => undefined })).rejects.toBe(broken);
    expect(await read(stream([]), { id: () => undefined })).toBe("");
  });
});

describe("a numbered stream", () => {
  const first = 'id: 7\ndata: {"jsonrpc":"2.0","method":"notifications/message"}\n\n';

  it("goes on after its last event, and is read no further than the answer", async () => {
    const asked: string[] = [];
    const text = await read(stream([first, "id: 8\nda"], broken), {
      resume: async (lastEventId) => {
        asked.push(lastEventId);
        return eventStream(stream([answer], "open"));
      },
    });
    expect([text, asked]).toEqual([first + answer, ["7"]]);
  });

  it("goes on where it breaks off again, and asks again where that may help", async () => {
    const answers: (() => Response)[] = [
      () => {
        throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
      },
      () => new Response(null, { status: 503 }),
      () => eventStream(stream(["id: 9\n\n"], broken)),
      () => eventStream(stream([answer])),
    ];
    const asked: string[] = [];
    const resume = async (lastEventId: string): Promise<Response> => {
      asked.push(lastEventId);
      return answers.shift()!();
    };
    expect(await read(stream([first], broken), { resume })).toBe(`${first}id: 9\n\n${answer}`);
    expect(asked).toEqual(["7", "7", "7", "9"]);
  });

  it("asks again where another implementation of fetch says that the connection was reset", async () => {
    const resume = vi.fn<() => Promise<Response>>();
    resume.mockRejectedValueOnce(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
    resume.mockResolvedValueOnce(eventStream(stream([answer])));
    expect(await read(stream([first], broken), { resume })).toBe(first + answer);
  });

  it.each([404, 405, 401])("ends with an error at once where the server answers %i", async (status) => {
    const resume = vi.fn(async () => new Response(null, { status }));
    expect(await read(stream([first], broken), { resume })).toBe(first + lost);
    expect(resume).toHaveBeenCalledTimes(1);
  });

  it.each(["é", "→", "x".repeat(1001)])(
    "is not resumed after an id that no header can hold: %#",
    async (id) => {
      const resume = vi.fn(async () => eventStream(stream([answer])));
      const text = `${first}id: ${id}\n\n`;
      expect(await read(stream([text], broken), { resume })).toBe(text + lost);
      expect(resume).not.toHaveBeenCalled();
    },
  );

  it.each([
    new HostedAgentIdentityError("context_ended"),
    new TypeError("Headers.append: the value is invalid"),
  ])("ends with an error at once where the request is not sent: %#", async (error) => {
    const resume = vi.fn(async () => {
      throw error;
    });
    expect(await read(stream([first], broken), { resume })).toBe(first + lost);
    expect(resume).toHaveBeenCalledTimes(1);
  });

  it("asks as late as the server wants, and gives up four seconds later", async () => {
    vi.useFakeTimers();
    try {
      const times: number[] = [];
      const began = Date.now();
      const text = read(stream(["id: 7\nretry: 5000\n\n"]), {
        resume: async () => {
          times.push(Date.now() - began);
          throw broken;
        },
      });
      await vi.advanceTimersByTimeAsync(20_000);
      expect(await text).toContain(lost);
      expect(times).toEqual([5000]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is not asked for any more once the client has left", async () => {
    const resume = vi.fn(async (): Promise<Response> => {
      throw broken;
    });
    const judge = { mayConcern: () => false, judge: () => undefined };
    const passed = await inspected(
      eventStream(stream([first], broken)),
      judge,
      false,
      unbroken({ id: () => 1, left: () => false, lost: () => encoder.encode(lost), resume }),
    );
    const reader = passed.body!.getReader();
    await reader.read();
    await reader.cancel();
    const calls = resume.mock.calls.length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(resume.mock.calls.length).toBe(calls);
  });
});

describe("silence", () => {
  it("has no limit by default, and counts as a break after silenceMs", async () => {
    vi.useFakeTimers();
    try {
      let ended = false;
      void read(stream([": hello\n\n"], "open")).then(() => (ended = true));
      const limited = read(stream([": hello\n\n"], "open"), { silenceMs: 60_000 });
      await vi.advanceTimersByTimeAsync(60_001);
      expect(await limited).toBe(`: hello\n\n${lost}`);
      await vi.advanceTimersByTimeAsync(3_600_000);
      expect(ended).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
