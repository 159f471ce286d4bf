/** Runs work once for each key: callers who come meanwhile wait for the same run. */
export interface SingleFlight<T> {
  run(key: string, work: () => Promise<T>): Promise<T>;
}

/** Makes one with no work under way. */
export function singleFlight<T>(): SingleFlight<T> {
  const running = new Map<string, Promise<T>>();
  return {
    run(key, work) {
      const known = running.get(key);
      if (known !== undefined) return known;
      const made = work().finally(() => running.delete(key));
      running.set(key, made);
      return made;
    },
  };
}
