import { Agent, request } from "node:http";

/** What a server answered to a person's browser. */
interface Answer {
  readonly status: number;
  readonly location: string;
  readonly body: string;
}

/** How a person's sign-in went. */
export interface Walk {
  /** From opening the link until the chat has said that the account is connected, in milliseconds. */
  readonly ms: number;
  /** The part of it that was spent waiting for the service, and the longest single wait. */
  readonly serviceMs: number;
  readonly longestMs: number;
}

/** Where the servers are. */
export interface Places {
  readonly service: string;
  readonly entra: string;
}

/**
 * Connections that many browsers of this process share. Browsers keep theirs; a thousand new ones in the same
 * instant would measure the system's queue for them.
 */
const agents = { service: agent(), entra: agent() };

function agent(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 250, maxFreeSockets: 250 });
}

export function closeConnections(): void {
  agents.service.destroy();
  agents.entra.destroy();
}

/** One person, with cookies of their own. */
export function person({ service, entra }: Places, user: string, oid: string) {
  const jar = new Map<string, Map<string, string>>();
  let serviceMs = 0;
  let longestMs = 0;

  const send = async (url: string, form?: Record<string, string>, json?: object): Promise<Answer> => {
    const { origin } = new URL(url);
    const cookies = jar.get(origin) ?? new Map<string, string>();
    jar.set(origin, cookies);
    const body = form === undefined ? json && JSON.stringify(json) : new URLSearchParams(form).toString();
    const started = performance.now();
    const answer = await exchange(url, origin === entra ? agents.entra : agents.service, cookies, body, {
      ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }),
      ...(json === undefined ? {} : { "content-type": "application/json" }),
    });
    if (origin !== service) return answer;
    const took = performance.now() - started;
    serviceMs += took;
    longestMs = Math.max(longestMs, took);
    return answer;
  };

  const chat = async (path: string, text = ""): Promise<string> =>
    (await send(`${service}/chat/${path}`, undefined, { user, text })).body;

  /** From the link through Entra to the page that says how it ended. */
  const walk = async (link: string): Promise<Answer> => {
    const page = await send(link);
    const click = await send(action(page), { t: field(page, "t"), f: field(page, "f") });
    const picker = await send(click.location);
    const chosen = await send(entra + attribute(picker.body, /<form[^>]* action="([^"]*)"/), {
      ctx: field(picker, "ctx"),
      account: oid,
    });
    const back = await send(chosen.location);
    return send(back.location);
  };

  return {
    /** What the chat shows somebody who is not signed in, or whose token it has. */
    tokenOrLink: (): Promise<string> => chat("token"),
    async signIn(link: string): Promise<Walk> {
      const started = performance.now();
      [serviceMs, longestMs] = [0, 0];
      const done = await walk(link);
      const code = attribute(done.body, /<output[^>]*>\s*([A-Z2-7-]{11})\s*</);
      await expectChat("confirm", chat("message", code));
      await expectChat("bound", chat("message", "yes"));
      return { ms: performance.now() - started, serviceMs, longestMs };
    },
    /** For somebody whom a token names: nothing is typed. */
    signInKnown: async (link: string): Promise<void> => void (await walk(link)),
  };
}

async function expectChat(wanted: string, said: Promise<string>): Promise<void> {
  const status = await said;
  if (status !== wanted) throw new Error(`the chat said ${JSON.stringify(status)}, not ${wanted}`);
}

function action({ body }: Answer): string {
  return attribute(body, /<form[^>]* action="([^"]*)"/);
}

function field({ body }: Answer, name: string): string {
  return attribute(body, new RegExp(`name="${name}" value="([^"]*)"`));
}

function attribute(html: string, pattern: RegExp): string {
  const found = pattern.exec(html)?.[1];
  if (found === undefined) {
    const title = /<h1>([^<]*)</.exec(html)?.[1];
    throw new Error(`a page was another one: ${JSON.stringify(title ?? html.slice(0, 80))}`);
  }
  return found.replace(/&#(\d+);/g, (_all, code: string) => String.fromCharCode(Number(code)));
}

function exchange(
  url: string,
  agent: Agent,
  cookies: Map<string, string>,
  body: string | undefined,
  headers: Record<string, string>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        agent,
        method: body === undefined ? "GET" : "POST",
        headers: {
          ...headers,
          ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
          ...(cookies.size === 0 ? {} : { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") }),
        },
      },
      (answer) => {
        for (const cookie of answer.headers["set-cookie"] ?? []) {
          const [name = "", ...value] = (cookie.split(";")[0] ?? "").split("=");
          cookies.set(name, value.join("="));
        }
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => void chunks.push(chunk));
        answer.once("error", reject);
        answer.once("end", () => {
          const { statusCode: status = 0, headers: said } = answer;
          const text = Buffer.concat(chunks).toString();
          if (status >= 400) reject(new Error(`HTTP ${status} from ${new URL(url).pathname}`));
          else resolve({ status, location: said.location ?? "", body: text });
        });
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}
