import { expect, vi } from "vitest";
import type { SignInStore } from "hosted-agent-identity/sign-in";

export const hour = 3_600_000;

/** An error by its code, and by a part of its message. */
export const coded = (code: string, message = "") =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string });

/** Until the client has its connection again. */
export async function answering(store: SignInStore): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await store.get("anything");
      return;
    } catch (error) {
      if (attempt === 50) throw error;
    }
  }
}

/** Until a replica has a write. The connection for this is made first, which may take longer than it is waited for. */
export async function confirmed(store: SignInStore, key: string): Promise<void> {
  const tried = async () => (await Promise.allSettled([store.replicated?.(key)]))[0].status;
  await vi.waitUntil(async () => (await tried()) === "fulfilled", 10_000);
}

/** Everything that a store lists, page by page. */
export async function pagesOf(
  store: SignInStore,
  prefix: string,
  limit: number,
): Promise<readonly (readonly (readonly [key: string, value: string])[])[]> {
  const pages: (readonly (readonly [key: string, value: string])[])[] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await store.scan?.(prefix, cursor, limit);
    if (page === undefined) throw new Error("The store lists nothing.");
    pages.push(page.records);
    cursor = page.next;
  }
  return pages;
}
