/**
 * What the suite asks of a store: the methods of `SignInStore`, written down a second time so that a wrong
 * interface is not wrong on both sides.
 * @group Testing
 */
export interface StoreUnderTest {
  get(key: string): Promise<string | undefined>;
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<boolean>;
  increment(key: string, ttlMs: number): Promise<number>;
  compareAndSet(key: string, expected: string | undefined, value: string, ttlMs: number): Promise<boolean>;
  take(key: string): Promise<string | undefined>;
  delete(key: string): Promise<void>;
  scan?(
    prefix: string,
    cursor: string | undefined,
    limit: number,
  ): Promise<{
    readonly records: readonly (readonly [key: string, value: string])[];
    readonly next: string | undefined;
  }>;
  readonly replicated?: ((key: string) => Promise<void>) | undefined;
  readonly shared: boolean;
  start?(): Promise<void>;
  close?(): Promise<void>;
}

/** What one check works with. */
export interface StoreCheckScene {
  /** A connection to the store. */
  readonly store: StoreUnderTest;
  /** Another connection to the same data; the same one where a store is for one process. */
  readonly other: StoreUnderTest;
  /** A name that nothing is stored under. */
  readonly key: (name?: string) => string;
  /** Lets time pass for the store, in milliseconds. */
  readonly wait: (ms: number) => Promise<void>;
  /** How often each race is run. */
  readonly races: number;
}

/** One promise of a store. */
export interface StoreCheck {
  readonly name: string;
  readonly check: (scene: StoreCheckScene) => Promise<void>;
}

/** A lifetime that no check outlives. */
export const minutes: number = 10 * 60_000;
