import type { SignInStore } from "hosted-agent-identity/sign-in";

/** A store in memory whose steps are counted, and that can be made to fail, to hang or to lose its data. */
export interface ScriptedStore extends SignInStore {
  readonly values: Map<string, string>;
  /** The names of the steps so far, without those that read which secret names the records. */
  readonly steps: string[];
  /** Before each step: throw to fail it, wait to slow it down. */
  before(hook: ((step: string) => void | Promise<void>) | undefined): void;
}

export function scriptedStore(): ScriptedStore {
  const values = new Map<string, string>();
  const steps: string[] = [];
  let hook: ((step: string) => void | Promise<void>) | undefined;
  const step = async <T>(name: string, key: string, work: () => T): Promise<T> => {
    if (!key.startsWith("names:")) steps.push(name);
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
    get: (key) => step("get", key, () => values.get(key)),
    setIfAbsent: (key, value) => step("setIfAbsent", key, () => compareAndSet(key, undefined, value)),
    increment: (key) =>
      step("increment", key, () => {
        const next = Number(values.get(key) ?? 0) + 1;
        values.set(key, String(next));
        return next;
      }),
    compareAndSet: (key, expected, value) =>
      step("compareAndSet", key, () => compareAndSet(key, expected, value)),
    take: (key) =>
      step("take", key, () => {
        const value = values.get(key);
        values.delete(key);
        return value;
      }),
    delete: (key) => step("delete", key, () => void values.delete(key)),
  };
}
