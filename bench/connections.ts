import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { httpsEndpoint } from "./https-endpoint.js";
import type { Row } from "./table.js";

const exchanges = 5;
const apartMs = 5_200;

/** Connections to Entra of exchanges that are seconds apart, at a server that keeps sockets and does not say so. */
export async function connections(): Promise<readonly Row[]> {
  const [kept, byFetch] = await Promise.all([opened(true), opened(false)]);
  return [
    {
      what: `${exchanges} exchanges, ${apartMs / 1000} s apart, with connections: {}`,
      unit: "connections",
      budget: 1,
      ours: kept,
      note: `by fetch, which is the default, ${byFetch}.`,
    },
  ];
}

async function opened(kept: boolean): Promise<number> {
  const endpoint = await httpsEndpoint();
  try {
    const settings = { ENDPOINT: endpoint.origin, KEPT: String(kept), EXCHANGES: String(exchanges) };
    const client = fork(fileURLToPath(new URL("connections-client.ts", import.meta.url)), [], {
      execArgv: process.execArgv,
      env: { ...process.env, ...endpoint.env, ...settings, APART_MS: String(apartMs) },
    });
    const [code] = (await once(client, "exit")) as [number | null];
    if (code !== 0 || endpoint.posts() !== exchanges) throw new Error("not every exchange was made");
    return endpoint.connections();
  } finally {
    await endpoint.close();
  }
}
