import { createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { keyring } from "../../src/sign-in/keyring.js";

it("derives the key of a record with HKDF-SHA-256, as Node.js has it", () => {
  const master = new Uint8Array(randomBytes(32));
  const binding = ["agent", "principal"];
  const bytes = Buffer.from(keyring([master]).seal("grant", binding, { secret: 1 }), "base64url");
  const info = createHash("sha256")
    .update(JSON.stringify(["hosted-agent-identity/1", "grant", ...binding]))
    .digest();
  const key = Buffer.from(hkdfSync("sha256", master, Buffer.alloc(0), info, 32));
  const opened = createDecipheriv("aes-256-gcm", key, bytes.subarray(4, 16));
  opened.setAAD(Buffer.from(JSON.stringify(["grant", ...binding])));
  opened.setAuthTag(bytes.subarray(16, 32));
  const text = Buffer.concat([opened.update(bytes.subarray(32)), opened.final()]).toString("utf8");
  expect(JSON.parse(text)).toMatchObject({ value: { secret: 1 } });
});
