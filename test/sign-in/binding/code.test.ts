import { randomBytes } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { codeDigest, looksOurs, newCode, sameDigest, typedCodes } from "../../../src/sign-in/binding/code.js";

const plain = (code: string): string => code.replaceAll("-", "");
const codesIn = (text: string): readonly string[] => typedCodes(text).codes;
/** A code that begins so and fits its check. */
const fitting = (begin: string): string =>
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"]
    .map((last) => begin + last)
    .find((code) => looksOurs(plain(code))) ?? "";

describe("a code", () => {
  it("has eight random base32 characters and one that checks them", () => {
    const codes = Array.from({ length: 2_000 }, () => newCode(randomBytes));
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
      expect(codesIn(code)).toEqual([plain(code)]);
      expect(looksOurs(plain(code))).toBe(true);
    }
    expect(new Set(codes).size).toBe(codes.length);
    // Every place takes every letter: no place is fixed.
    for (let at = 0; at < 8; at += 1) expect(new Set(codes.map((code) => plain(code)[at])).size).toBe(32);
  });

  it("with one wrong letter, or two neighbours swapped, no longer fits", () => {
    for (let n = 0; n < 200; n += 1) {
      const code = plain(newCode(randomBytes));
      const at = n % 8;
      const typo = code.slice(0, at) + (code[at] === "A" ? "B" : "A") + code.slice(at + 1);
      expect(looksOurs(typo)).toBe(false);
    }
  });

  it("is compared by its digest", () => {
    expect(sameDigest(codeDigest("ABC-D2E-FGH"), codeDigest("ABCD2EFGH"))).toBe(true);
    expect(sameDigest(codeDigest("ABC-D2E-FGH"), codeDigest("ABC-D2E-FGA"))).toBe(false);
    expect(sameDigest(codeDigest("ABC-D2E-FGH"), "")).toBe(false);
  });

  it.each([
    ["ABC-D2E-FGH", "ABCD2EFGH"],
    ["abc d2e fgh", "ABCD2EFGH"],
    ["“abcd2efgh”", "ABCD2EFGH"],
    ['"ABCD2EFGH".', "ABCD2EFGH"],
    ["ABC–D2E–FGH", "ABCD2EFGH"],
    ["ＡＢＣ-Ｄ２Ｅ-ＦＧＨ", "ABCD2EFGH"],
    ["it says ABC-D2E-FGH, I think", "ABCD2EFGH"],
    ["0BC-12E-8GH", "OBCI2EBGH"],
    ["<at>Contacts Agent</at> ABC-D2E-FGH", "ABCD2EFGH"],
    ["<at>Contacts Agent</at>&nbsp;abcd2efgh", "ABCD2EFGH"],
    ['&lt;at id="0"&gt;Contacts Agent&lt;/at&gt; abc d2e fgh', "ABCD2EFGH"],
    ["<@U0ABC2DEF> abcd2efgh", "ABCD2EFGH"],
    ["@Contacts Agent abcd2efgh", "ABCD2EFGH"],
    ["@Contacts ABC D2E FGH", "ABCD2EFGH"],
    ["**`ABC-D2E-FGH`**", "ABCD2EFGH"],
    ["> abcd2efgh", "ABCD2EFGH"],
    ["ABC-\nD2E-\r\nFGH", "ABCD2EFGH"],
    ["abc\nd2e\nfgh 👍", "ABCD2EFGH"],
    ["ABC-D2E-FGHABC-D2E-FGH", "ABCD2EFGH"],
    ["abcd2efgh abcd2efgh", "ABCD2EFGH"],
    ["ABC-D2E-FGH ABC-D2E-FGH", "ABCD2EFGH"],
    ["ABC-D2E-FGH or BBC-D2E-FGH", undefined],
    ["ABC-DEF-GHI", undefined],
    ["who are you", undefined],
    ["yesterday", undefined],
    ["ABC-D2E-FGH-IJK", undefined],
    ["+49 234 567 234", undefined],
    ["", undefined],
  ])("in %j is %j", (text, code) => expect(codesIn(text)).toEqual(code === undefined ? [] : [code]));
});

it("a code is found wherever it stands in a message, because that message is not for the model", () => {
  const code = newCode(randomBytes);
  expect(codesIn(`${"words ".repeat(10_000)}${code}${" words".repeat(5_000)}`)).toEqual([plain(code)]);
  expect(codesIn(`<at>${code}</at> <a href="https://x.example/?c=${code}">here</a>`)).toEqual([plain(code)]);
  expect(codesIn(`\u200b${code.split("").join("\u00ad")}\ufeff`)).toEqual([plain(code)]);
});

it("of two codes both are found, and an order number beside a code is none", () => {
  const [first, second] = [newCode(randomBytes), newCode(randomBytes)];
  expect(codesIn(`Not ${first}, I mean ${second}.`)).toEqual([plain(first), plain(second)]);
  expect(codesIn(`My order is AB2-CD3-EF4 and the code is ${fitting("K2M-N3P-Q4")}`)).toEqual([
    plain(fitting("K2M-N3P-Q4")),
  ]);
});

it("a message that is longer than any is looked at has no code", () => {
  const code = newCode(randomBytes);
  expect(codesIn(code.padStart(100_000))).toEqual([plain(code)]);
  expect(codesIn(code.padStart(100_001))).toEqual([]);
});

it("a long run of combining marks is never sorted: a code stands apart from it", () => {
  const code = newCode(randomBytes);
  const marks = "\u0316\u0301\uff9e".repeat(20_000);
  const asEntities = "&#790;&#x301;".repeat(5_000);
  const normalize = vi.spyOn(String.prototype, "normalize");
  expect(codesIn(`a${marks} ${code}`)).toEqual([plain(code)]);
  expect(codesIn(`${code.slice(0, 2)}${marks}${code.slice(2)}`)).toEqual([]);
  expect(codesIn(`a${asEntities} ${code}`)).toEqual([plain(code)]);
  const normalized = normalize.mock.contexts.map(String);
  normalize.mockRestore();
  expect(normalized).toHaveLength(3);
  for (const text of normalized) expect(text.length).toBeLessThan(50);
});

it("no character but those that are taken out becomes a mark that is sorted", () => {
  // Thai and Lao am are sorted nowhere: their mark has class 0.
  const known = new Set(["\u0e33", "\u0eb3", "\uff9e", "\uff9f"]);
  const others: string[] = [];
  for (let at = 0; at < 0x110000; at += 1) {
    const character = at >= 0xd800 && at < 0xe000 ? "" : String.fromCodePoint(at);
    const isMark = /^\p{M}/u.test(character) || known.has(character);
    if (!isMark && /^\p{M}/u.test(character.normalize("NFKD"))) others.push(at.toString(16));
  }
  expect(others).toEqual([]);
});

describe("nearly a code", () => {
  it.each([
    "4NR-ZHJ-N6",
    "4nr-zhj-n6.",
    "ABC-D2E-FGHH",
    "AABC-D2E-FGH",
    "ABC-D9E-FGH",
    "ABC-D2É-FGH",
    "AAA-BBB-CCC",
    "ABCD-2EFG-H",
    "ABC-D2E",
    "ABCD2EFG",
    "abcd2efghh",
    "abc d2e fg",
    "<at>Contacts Agent</at> 4NR-ZHJ-N6",
    "&lt;at&gt;Agent&lt;/at&gt; **4NR-ZHJ-N6**",
    "@Contacts Agent 4NR-ZHJ-N6",
    "<@U0ABC2DEF>\n> 4NR-ZHJ-N6",
    "my code is 4NR-ZHJ-N6, thanks",
    "the code: abcd2efg",
    "ABC-D2E-FGH or BBC-D2E-FGH",
  ])("is %j", (text) => expect(typedCodes(text)).toMatchObject({ codes: [], nearly: true }));

  it.each([
    "hello",
    "yesterday",
    "contacts",
    "CONTINUE",
    "who are you",
    "the top 10",
    "order 12345",
    "2024-05-06",
    "24-Nov-2024",
    "+49 (0)30 123456",
    "123-456-7890",
    "<@U0ABC2DEF>",
    "<at>Agent 47</at> Who is my manager?",
    "cc1f6d0a-5b0c-4c55-9b0e-6f0a2a3f9f10",
    "we had a one-on-one meeting yesterday",
    "see https://x.example/a/b and COVID-19",
    `${"words ".repeat(40)}4NR-ZHJ-N6`,
    "",
    "👍",
  ])("is not %j", (text) => expect(typedCodes(text)).toEqual({ codes: [], likely: [], nearly: false }));

  it("is not told from a whole code by what is waited for: a code without dashes in a sentence has to fit its check", () => {
    const code = plain(fitting("K2M-N3P-Q4"));
    expect(typedCodes(`my code is ${code}`)).toMatchObject({ codes: [], likely: [code] });
    expect(typedCodes(`it says k2m n3p q4${code.at(-1)}, I think`)).toMatchObject({ likely: [code] });
    const other = code.slice(0, 8) + (code.endsWith("A") ? "B" : "A");
    expect(typedCodes(`my code is ${other}`)).toMatchObject({ likely: [], nearly: true });
  });
});
