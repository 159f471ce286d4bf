import { createClient } from "redis";

/** A client whose answers are text, as `redis` makes it by default. */
export type RedisOperator = ReturnType<typeof createClient>;

/**
 * A direct line to a server, for what an operator does there. It has a listener: without one, a server that ends before
 * this line does would end the test run.
 */
export async function redisOperator(url: string): Promise<RedisOperator> {
  const client = createClient({ url }).on("error", () => undefined);
  await client.connect();
  return client as RedisOperator;
}
