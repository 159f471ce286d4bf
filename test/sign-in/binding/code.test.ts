import { randomBytes } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { answerIn } from "../../../src/sign-in/binding/answer.js";
import { codeIn, looksOurs, newCode, sameDigest, codeDigest } from "../../../src/sign-in/binding/code.js";

const plain = (code: string): string => code.replaceAll("-", "");

describe("a code", () => {
  it("has eight random base32 characters and one that checks them", () => {
    const codes = Array.from({ length: 2_000 }, () => newCode(randomBytes));
    for (const code of codes) {
      expect(code).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
      expect(codeIn(code)).toBe(plain(code));
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
    ["ABC-D2E-FGH or BBC-D2E-FGH", undefined],
    ["ABC-DEF-GHI", undefined],
    ["who are you", undefined],
    ["yesterday", undefined],
    ["ABC-D2E-FGH-IJK", undefined],
    ["+49 234 567 234", undefined],
    ["", undefined],
  ])("in %j is %j", (text, code) => expect(codeIn(text)).toBe(code));
});

it("a code is found wherever it stands in a message, because that message is not for the model", () => {
  const [first, second] = [newCode(randomBytes), newCode(randomBytes)];
  expect(codeIn(`${"words ".repeat(10_000)}${first}${" words".repeat(5_000)}`)).toBe(plain(first));
  expect(codeIn(`Not ${first}, I mean ${second}.`)).toBe(plain(second));
  expect(codeIn(`My order is AB2-CD3-EF4 and the code is ${first}`)).toBe(plain(first));
  expect(codeIn(`\u200b${first.split("").join("\u00ad")}\ufeff`)).toBe(plain(first));
});

it("a message that is longer than any is looked at has no code", () => {
  const code = newCode(randomBytes);
  expect(codeIn(code.padStart(100_000))).toBe(plain(code));
  expect(codeIn(code.padStart(100_001))).toBeUndefined();
});

it("a run of combining marks is never sorted: a code stands apart from it, and no longer run is normalized", () => {
  const code = newCode(randomBytes);
  const marks = "\u0316\u0301\uff9e".repeat(20_000);
  const normalize = vi.spyOn(String.prototype, "normalize");
  expect(codeIn(`a${marks} ${code}`)).toBe(plain(code));
  expect(codeIn(`${code.slice(0, 2)}${marks}${code.slice(2)}`)).toBeUndefined();
  const normalized = normalize.mock.contexts.map(String);
  normalize.mockRestore();
  expect(normalized).toHaveLength(2);
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

describe("an answer", () => {
  it.each([
    ["yes", "yes"],
    [" YES! ", "yes"],
    ["Ja", "yes"],
    ["no.", "no"],
    ["nein", "no"],
    ["yes but who are you", undefined],
    ["yesterday", undefined],
    ["not yes", undefined],
  ])("in %j is %j", (text, answer) => expect(answerIn(text)).toBe(answer));
});
