import { expect, it } from "vitest";
import { answerIn } from "../../../src/sign-in/binding/answer.js";

it.each([
  ["yes", "yes"],
  [" Oui! ", "yes"],
  ["はい。", "yes"],
  ["Nein.", "no"],
  [`${" ".repeat(200)}no\n`, "no"],
])("%j is an answer", (text, answer) => expect(answerIn(text)).toBe(answer));

it.each(["yes please", "no, tell me more", "", "yesterday", `no${" ".repeat(120)}but what else can you do?`])(
  "%j is for the agent",
  (text) => expect(answerIn(text)).toBeUndefined(),
);
