import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { tokenEndpoint } from "./token-endpoint.js";

/** Runs work with a token endpoint in a process of its own, whose CPU does not count. */
export async function withEndpoint<T>(work: (origin: string) => Promise<T>): Promise<T> {
  const child = fork(fileURLToPath(import.meta.url), ["token-endpoint"]);
  try {
    const [origin] = (await once(child, "message")) as [string];
    return await work(origin);
  } finally {
    child.kill();
  }
}

if (process.argv[2] === "token-endpoint") process.send?.((await tokenEndpoint()).origin);
