/**
 * What we use of what `createClient()`, `createClientPool()` and `createCluster()` of the official package
 * `redis` give. Never imported: the caller brings it.
 * @group Sign-in
 */
export interface RedisClient {
  readonly isOpen: boolean;
  /** Pools and clusters have none. */
  readonly isReady?: boolean;
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
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
 * The commands that a store needs.
 * @group Sign-in
 */
export interface RedisCommands {
  get(key: string): Promise<unknown>;
  del(key: string): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
  info(section: string): Promise<unknown>;
}
