import { inBackground } from "../async/deadline.js";
import { processState } from "./process-state.js";

/** Something that the first user would wait for. */
export interface Preparation {
  /** Loads modules. */
  modules(): Promise<unknown>;
  /** Fetches what is published. */
  network?(): Promise<unknown>;
}

/** What an app and its verifiers need before the first user comes. */
export interface Preparations {
  add(preparation: Preparation): void;
  /** All of it. What has failed is tried again by the next call, and nothing is done twice. */
  ready(): Promise<void>;
  close(): void;
}

/** Of the open apps of all copies of this package. */
const ofApps: WeakMap<object, Preparations> = processState("preparations/1", () => new WeakMap());

/** Has an app prepare something more, where it is one that can. */
export function prepareWith(app: object, preparation: Preparation): void {
  ofApps.get(app)?.add(preparation);
}

/** Late enough for a process to start listening first. */
const afterMs = 50;

/**
 * Loads the modules by itself a moment later, and fetches nothing before it is asked to. Not in tests: a runner may have
 * taken its environment away by then.
 */
export function preparationsOf(app: object): Preparations {
  const known = new Set<Preparation>();
  let whole: Promise<unknown> | undefined;
  const load = (): void => {
    // Whoever needs them gets the error.
    for (const one of known) one.modules().catch(() => {});
  };
  const timer = process.env["NODE_ENV"] === "test" ? undefined : inBackground(setTimeout(load, afterMs));
  const made: Preparations = {
    add(preparation) {
      known.add(preparation);
      whole = undefined;
    },
    async ready() {
      const all = (whole ??= Promise.all(
        [...known].map(async (one) => {
          await one.modules();
          await one.network?.();
        }),
      ));
      try {
        await all;
      } catch (error) {
        if (whole === all) whole = undefined;
        throw error;
      }
    },
    close: () => clearTimeout(timer),
  };
  ofApps.set(app, made);
  return made;
}
