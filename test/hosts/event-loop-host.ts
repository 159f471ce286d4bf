import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { outside } from "../support/adapter-hosts.js";

/** What came from a queue, not from HTTP. */
export interface Job {
  readonly headers: Readonly<Record<string, string>>;
  readonly prompt: string;
  readonly previousResponseId?: string;
}

/** What the host says about a job to the code that does it. */
export interface Ticket {
  readonly responseId: string;
}

export type Worker<E> = (job: Job, ticket: Ticket) => Promise<AsyncIterable<E>>;

/**
 * A host of the first shape: work comes from a queue, and one loop asks every run for its next event in turn,
 * from a place of its own that has nothing to do with where the run was started. Its own AsyncLocalStorage
 * says which job an event belongs to.
 */
export interface EventLoopHost<E> {
  submit(job: Job): Promise<E[]>;
  /** Which job the host's own storage named while each event was made. */
  readonly current: () => string | undefined;
}

export function eventLoopHost<E>(work: Worker<E>): EventLoopHost<E> {
  const jobs = new AsyncLocalStorage<string>();
  const active = new Set<() => Promise<void>>();
  let looping = false;

  async function loop(): Promise<void> {
    while (active.size > 0) {
      // All are asked at the same time, so that one that waits holds up nobody.
      await Promise.race([...active].map((pull) => pull()));
    }
    looping = false;
  }

  function submit(job: Job): Promise<E[]> {
    const responseId = newResponseId();
    return new Promise((resolve, reject) => {
      const started = jobs.run(responseId, () => work(job, { responseId }));
      started.then((events) => {
        const iterator = events[Symbol.asyncIterator]();
        const all: E[] = [];
        let pending: Promise<void> | undefined;
        const pull = (): Promise<void> =>
          (pending ??= jobs
            .run(responseId, () => iterator.next())
            .then(({ done, value }) => {
              pending = undefined;
              if (done !== true) return void all.push(value as E);
              active.delete(pull);
              resolve(all);
            }, reject));
        active.add(pull);
        if (looping) return;
        looping = true;
        outside(() => void loop());
      }, reject);
    });
  }

  return { submit, current: () => jobs.getStore() };
}

function newResponseId(): string {
  return `caresp_${randomBytes(8).toString("hex")}00${randomBytes(16).toString("hex")}`;
}
