import type { ForksPoolWorker, PoolOptions, PoolRunnerInitializer, PoolWorker } from "vitest/node";

type Callback = (message: unknown) => void;

/**
 * A pool with one process that stays for the next run. Vitest evaluates our modules anew for each test file; what npm
 * installed stays loaded there, and loading it is most of what a new process would do.
 */
export class KeptProcess {
  readonly pool: PoolRunnerInitializer;
  /** Whether the next run has a process that starts and ends with it. */
  alone = false;
  #worker: ForksPoolWorker | undefined;
  readonly #changed = new Set<string>();

  constructor(name: string, newWorker: (options: PoolOptions) => ForksPoolWorker) {
    this.pool = {
      name,
      createPoolWorker: (options) =>
        this.alone ? newWorker(options) : new Visit(name, this, () => newWorker(options)),
    };
  }

  /** What stands for the process that is kept at present. */
  get current(): object | undefined {
    return this.#worker;
  }

  /** Has the process read a file again. */
  invalidate(path: string): void {
    this.#changed.add(path);
  }

  takeChanged(): string[] {
    const changed = [...this.#changed];
    this.#changed.clear();
    return changed;
  }

  async worker(newWorker: () => ForksPoolWorker): Promise<{ worker: ForksPoolWorker; isNew: boolean }> {
    if (this.#worker !== undefined) return { worker: this.#worker, isNew: false };
    const worker = newWorker();
    await worker.start();
    this.#worker = worker;
    worker.on("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    return { worker, isNew: true };
  }

  /** The next run starts a new one. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.stop();
  }
}

/** What Vitest takes for a process of its own. It hears that it starts and ends; the process stays. */
class Visit implements PoolWorker {
  readonly cacheFs = true;
  readonly #listeners: { readonly event: string; readonly callback: Callback }[] = [];
  #worker: ForksPoolWorker | undefined;
  #isNew = false;

  readonly name: string;
  readonly #kept: KeptProcess;
  readonly #newWorker: () => ForksPoolWorker;

  constructor(name: string, kept: KeptProcess, newWorker: () => ForksPoolWorker) {
    this.name = name;
    this.#kept = kept;
    this.#newWorker = newWorker;
  }

  async start(): Promise<void> {
    ({ worker: this.#worker, isNew: this.#isNew } = await this.#kept.worker(this.#newWorker));
  }

  on(event: string, callback: Callback): void {
    this.#listeners.push({ event, callback });
    this.#worker?.on(event, callback);
  }

  off(event: string, callback: Callback): void {
    this.#worker?.off(event, callback);
  }

  send(message: Parameters<PoolWorker["send"]>[0]): void {
    if (message.type === "stop") return this.#hear("stopped");
    if (message.type === "start" && !this.#isNew) return this.#hear("started");
    if (message.type === "run")
      message.context.invalidates = [...(message.context.invalidates ?? []), ...this.#kept.takeChanged()];
    this.#worker?.send(message);
  }

  async stop(): Promise<void> {
    for (const { event, callback } of this.#listeners) this.#worker?.off(event, callback);
  }

  deserialize(data: unknown): unknown {
    return data;
  }

  #hear(type: "started" | "stopped"): void {
    const listening = this.#listeners.filter(({ event }) => event === "message");
    setImmediate(() => {
      for (const { callback } of listening) callback({ type, __vitest_worker_response__: true });
    });
  }
}
