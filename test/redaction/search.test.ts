import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { describeLeak, searchFor, type Secret } from "./search.js";

const token = ["header", "payload", "signature"]
  .map((part) => Buffer.from(`${part}-${randomBytes(60).toString("hex")}`).toString("base64url"))
  .join(".");
const secret = { kind: "access token", value: token };
const noise = randomBytes(300).toString("base64");
const search = searchFor([secret]);

function found(text: string, one: Secret = secret): number {
  const look = one === secret ? search : searchFor([one]);
  return look([{ kind: "log", where: "a test", text: `${noise} ${text} ${noise}` }]).length;
}

const encodings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  "in JSON in JSON": (text) => JSON.stringify(JSON.stringify({ text })),
  "URL-encoded": encodeURIComponent,
  "URL-encoded, every character of it": everyCharacter,
  "URL-encoded twice": (text) => everyCharacter(everyCharacter(text)),
  "as HTML entities": (text) => text.replace(/./g, (char) => `&#${char.charCodeAt(0)};`),
  ...Object.fromEntries(
    (["base64", "base64url"] as const).flatMap((alphabet) =>
      ["", "x", "xy"].map((before) => [
        `${alphabet} after ${before.length} other bytes`,
        (text: string) => Buffer.from(`${before}${text}, and more`).toString(alphabet),
      ]),
    ),
  ),
};

describe("the search for secrets", () => {
  for (const [name, encode] of Object.entries(encodings)) {
    it(`finds a whole one ${name}`, () => {
      expect(found(encode(token))).toBeGreaterThan(0);
    });

    it(`finds any 24 characters ${name}`, () => {
      for (let at = 0; at + 24 <= token.length; at += 1)
        expect(found(encode(token.slice(at, at + 24))), `from ${at}`).toBeGreaterThan(0);
    });
  }

  it("finds nothing in 23 characters", () => {
    for (let at = 0; at + 23 <= token.length; at += 1)
      expect(found(`"${token.slice(at, at + 23)}"`), `from ${at}`).toBe(0);
  });

  it("finds each segment of a JSON Web Token", () => {
    for (const segment of token.split(".")) expect(found(segment)).toBe(1);
  });

  it("finds a secret with characters that base64 and URLs write in two ways", () => {
    const value = "a+b/c=".repeat(6);
    for (const text of [value, encodeURIComponent(value), value.replaceAll("+", "-").replaceAll("/", "_")])
      expect(found(text, { kind: "key", value })).toBeGreaterThan(0);
  });

  it("finds short ones whole", () => {
    const code = { kind: "code", value: "ABC-DEF-GHJ" };
    expect(found("type ABC-DEF-GHJ here", code)).toBe(1);
    expect(found("ABC-DEF", code)).toBe(0);
    expect(found(Buffer.from("xy ABC-DEF-GHJ here").toString("base64"), code)).toBeGreaterThan(0);
  });

  it("lets pass what everybody may know, and only that", () => {
    const address = "https://login.example.com/tenant/authorize";
    const value = `${address}?ticket=${randomBytes(24).toString("hex")}`;
    const link = { kind: "link", value, open: [[0, address.length]] as const };
    expect(found(address, link)).toBe(0);
    expect(found(Buffer.from(address).toString("base64"), link)).toBe(0);
    expect(found(`${address}?ticket=`, link)).toBe(1);
    expect(found(value.slice(-24), link)).toBe(1);
    expect(found(Buffer.from(value).toString("base64"), link)).toBeGreaterThan(0);
  });

  it("says what and where, and shows nothing of it", () => {
    const captures = [{ kind: "stdout", where: "agent", text: `so: ${token}` }];
    const [line = ""] = search(captures).map(describeLeak);
    expect(line).toBe(
      `access token (plain) in stdout of agent: ${token.length} characters at offset 4 of the plain text`,
    );
    expect(search([{ kind: "a", where: "b", text: line }])).toEqual([]);
  });
});

function everyCharacter(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}
