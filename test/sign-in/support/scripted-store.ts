import type { SignInStore } from "hosted-agent-identity/sign-in";

/** A store in memory whose steps are counted, and that can be made to fail, to hang or to lose its data. */
export interface ScriptedStore extends SignInStore {
  readonly values: Map<string, string>;
  /** The names of the steps so far. */
  readonly steps: string[];
  /** Before each step: throw to fail it, wait to slow it down. */
  before(hook: ((step: string) => void | Promise<void>) | undefined): void;
}

export function scriptedStore(): ScriptedStore {
  const values = new Map<string, string>();
  const steps: string[] = [];
  let hook: ((step: string) => void | Promise<void>) | undefined;
  const step = async <T>(name: string, work: () => T): Promise<T> => {
    steps.push(name);
    await hook?.(name);
    return work();
  };
  const compareAndSet = (key: string, expected: string | undefined, value: string): boolean => {
    if (values.get(key) !== expected) return false;
    values.set(key, value);
    return true;
  };
  return {
    shared: true,
    values,
    steps,
    before: (next) => void (hook = next),
    get: (key) => step("get", () => values.get(key)),
    setIfAbsent: (key, value) => step("setIfAbsent", () => compareAndSet(key, undefined, value)),
    increment: (key) =>
      step("increment", () => {
        const next = Number(values.get(key) ?? 0) + 1;
        values.set(key, String(next));
        return next;
      }),
    compareAndSet: (key, expected, value) => step("compareAndSet", () => compareAndSet(key, expected, value)),
    take: (key) =>
      step("take", () => {
        const value = values.get(key);
        values.delete(key);
        return value;
      }),
    delete: (key) => step("delete", () => void values.delete(key)),
  };
}
