import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { createSignIn } from "hosted-agent-identity/sign-in";
import { signInStoreSuite } from "hosted-agent-identity/testing";
import { afterAll, describe, expect, it } from "vitest";
import { jsonFileStore } from "../../examples/own-store/json-file-store.js";

const folder = mkdtempSync(join(tmpdir(), "own-store-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const newFile = (): string => join(folder, `${(files += 1)}.json`);

describe("the store of the example", () => {
  const open = async () => {
    const store = jsonFileStore(newFile());
    return [store, store] as const;
  };
  it.each(signInStoreSuite({ name: "example", open, races: 50 }))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });

  it("has after a restart what it had before", async () => {
    const path = newFile();
    const before = jsonFileStore(path);
    await before.setIfAbsent("grant:1", "sealed", 60_000);
    await before.increment("tries:1", 60_000);
    await before.setIfAbsent("grant:2", "taken", 60_000);
    await before.take("grant:2");
    await before.close?.();
    const after = jsonFileStore(path);
    expect(await after.get("grant:1")).toBe("sealed");
    expect(await after.increment("tries:1", 60_000)).toBe(2);
    expect(await after.get("grant:2")).toBeUndefined();
    await after.close?.();
  });

  it("has written a change when it says so, and for its user alone", async () => {
    const path = newFile();
    const store = jsonFileStore(path);
    await Promise.all([store.setIfAbsent("grant:1", "a", 60_000), store.setIfAbsent("grant:2", "b", 60_000)]);
    const copy = jsonFileStore(path);
    expect(await Promise.all([copy.get("grant:1"), copy.get("grant:2")])).toEqual(["a", "b"]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}.new`)).toBe(false);
    await store.close?.();
  });

  it("says that its file is broken instead of beginning anew", () => {
    const path = newFile();
    writeFileSync(path, "[[");
    expect(() => jsonFileStore(path)).toThrow(expect.objectContaining({ code: "store_corrupt" }));
  });

  it("is taken by createSignIn()", async () => {
    await using app = entraApp({
      tenantId: "11111111-1111-4111-8111-111111111111",
      clientId: "22222222-2222-4222-8222-222222222222",
      credential: clientSecret("not-used-here"),
    });
    const contacts = protectedResource({
      url: "https://contacts.example/mcp",
      serverLabel: "contacts",
      scopes: ["api://contacts/read"],
      audiences: ["api://contacts"],
    });
    await using signIn = createSignIn({
      app,
      agentName: "support",
      publicUrl: "https://support.example",
      resources: [contacts],
      store: jsonFileStore(newFile()),
      encryptionKeys: [Buffer.alloc(32, 7).toString("base64")],
    });
    await expect(signIn.ready()).resolves.toBeUndefined();
  });
});
