import type { SignInStore } from "hosted-agent-identity/sign-in";

/** A store in memory whose steps are counted, and that can be made to fail, to hang or to lose its data. */
export interface ScriptedStore extends SignInStore {
  readonly values: Map<string, string>;
  /** The names of the steps so far, without those that read which secret names the records. */
  readonly steps: string[];
  /** Before each step: throw to fail it, wait to slow it down. */
  before(hook: ((step: string) => void | Promise<void>) | undefined): void;
}

/** With a clock it forgets what has expired, except what a test has put into `values` itself. */
export function scriptedStore(now?: () => number): ScriptedStore {
  const values = new Map<string, string>();
  const ends = new Map<string, number>();
  const steps: string[] = [];
  let hook: ((step: string) => void | Promise<void>) | undefined;
  const step = async <T>(name: string, key: string, work: () => T): Promise<T> => {
    if (!key.startsWith("names:")) steps.push(name);
    await hook?.(name);
    if (now !== undefined && (ends.get(key) ?? Infinity) <= now()) values.delete(key);
    if (!values.has(key)) ends.delete(key);
    return work();
  };
  const write = (key: string, value: string, ttlMs: number): void => {
    values.set(key, value);
    if (now !== undefined) ends.set(key, now() + ttlMs);
  };
  const compareAndSet = (
    key: string,
    expected: string | undefined,
    value: string,
    ttlMs: number,
  ): boolean => {
    if (values.get(key) !== expected) return false;
    write(key, value, ttlMs);
    return true;
  };
  return {
    shared: true,
    values,
    steps,
    before: (next) => void (hook = next),
    get: (key) => step("get", key, () => values.get(key)),
    setIfAbsent: (key, value, ttlMs) =>
      step("setIfAbsent", key, () => compareAndSet(key, undefined, value, ttlMs)),
    increment: (key, ttlMs) =>
      step("increment", key, () => {
        const before = values.get(key);
        const next = Number(before ?? 0) + 1;
        if (before === undefined) write(key, String(next), ttlMs);
        else values.set(key, String(next));
        return next;
      }),
    compareAndSet: (key, expected, value, ttlMs) =>
      step("compareAndSet", key, () => compareAndSet(key, expected, value, ttlMs)),
    take: (key) =>
      step("take", key, () => {
        const value = values.get(key);
        values.delete(key);
        return value;
      }),
    delete: (key) => step("delete", key, () => void values.delete(key)),
  };
}
