/**
 * What we use of what `createClient()`, `createClientPool()`, `createCluster()` and `createSentinel()` of the official
 * package `redis` give. Never imported: the caller brings it.
 * @group Sign-in
 */
export interface RedisClient {
  readonly isOpen: boolean;
  /** Pools have none. */
  readonly isReady?: boolean;
  /** Of a cluster: its primaries. */
  readonly masters?: readonly RedisNode[];
  /** Of a cluster with `useReplicas`: what else it reads from. */
  readonly replicas?: readonly RedisNode[];
  /** Of a cluster: who serves each of its 16 384 slots. */
  readonly slots?: readonly { readonly master: RedisNode }[];
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): unknown;
  on(event: "error" | "node-error", listener: (error: unknown) => void): unknown;
  withCommandOptions(options: RedisCallOptions): RedisCommands;
  /** A client with the same settings, not connected. */
  duplicate?(): RedisClient;
  /** Of a pool: lends one connection. */
  execute?<T>(work: (client: RedisNodeClient) => Promise<T>): Promise<T>;
  /** Of a cluster: a client of this node alone. */
  nodeClient?(node: RedisNode): RedisNodeClient | Promise<RedisNodeClient>;
}

/**
 * A node of a cluster.
 * @group Sign-in
 */
export interface RedisNode {
  /** Host and port. */
  readonly address: string;
}

/**
 * A client of one node of a cluster, or one connection of a pool.
 * @group Sign-in
 */
export interface RedisNodeClient {
  withCommandOptions(options: RedisCallOptions): RedisCommands;
}

/**
 * How a single call is sent.
 * @group Sign-in
 */
export interface RedisCallOptions {
  /** Takes a command that has not been sent yet out of the client's queue. With every command that changes. */
  abortSignal?: AbortSignal;
  /** The client's own timeout: 0 switches it off, ours is there. */
  timeout: number;
  /** Empty: texts come back as texts, whatever the client was made with. */
  typeMapping: Record<never, never>;
}

/**
 * The commands that are sent to a node: they name no key.
 * @group Sign-in
 */
export interface RedisNodeCommands {
  info(section: string): Promise<unknown>;
  scan(cursor: string, options: { MATCH: string; COUNT: number }): Promise<unknown>;
  wait(replicas: number, timeoutMs: number): Promise<unknown>;
}

/**
 * The commands that a store needs: each on one key, but for scripts, which may have several unless it is a cluster.
 * @group Sign-in
 */
export interface RedisCommands extends RedisNodeCommands {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options: { NX: true; PX: number }): Promise<unknown>;
  del(key: string): Promise<unknown>;
  evalSha(digest: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}
