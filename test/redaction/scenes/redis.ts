import { connect, type Socket } from "node:net";
import { RESP_TYPES } from "redis";
import { redisOperator } from "../../support/redis-operator.js";
import { shown } from "../recorder.js";

/** Notes every command that reaches a Redis, until the returned function is called; across its restarts. */
export function watchRedis(url: string, where: string): () => void {
  const { hostname, port } = new URL(url);
  let socket: Socket | undefined;
  let over = false;
  const watch = (): void => {
    if (over) return;
    socket = connect(Number(port), hostname, () => socket?.write("MONITOR\r\n"));
    socket.setEncoding("latin1").on("data", (text) => shown("redis", String(text), `${where}: commands`));
    socket.on("error", () => undefined).on("close", () => setTimeout(watch, 20).unref());
  };
  watch();
  return () => {
    over = true;
    socket?.destroy();
  };
}

/** Notes every key and value of a Redis. */
export async function dumpRedis(url: string, where: string): Promise<void> {
  const client = await redisOperator(url);
  const raw = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  let keys = 0;
  for await (const some of client.scanIterator()) {
    for (const key of some) {
      const value = await raw.dump(key);
      // redis-server packs long strings in a dump; what a client reads is not packed.
      const read = (await client.type(key)) === "string" ? await raw.get(key) : null;
      const texts = [key, value, read].map((one) =>
        one === null ? "" : Buffer.from(one).toString("latin1"),
      );
      shown("redis", texts.join("\n"), `${where}: keys and values`);
      keys += 1;
    }
  }
  await client.close();
  if (keys === 0) throw new Error("There is nothing in Redis.");
}
