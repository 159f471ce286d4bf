import type { Mutant } from "./mutant.js";

const chat = ["test/sign-in/binding/typed-in-chat.test.ts"];
const code = ["test/sign-in/binding/code.test.ts"];
const faults = ["test/sign-in/store-faults.test.ts"];
const answer = ["test/sign-in/binding/answer.test.ts"];

/** What people type while a sign-in waits: what is for it, and what is for the model. */
export const typedMutants: readonly Mutant[] = [
  {
    name: "a-mistyped-code-reaches-the-model",
    rule: 9,
    find: 'nearly ? { status: "nearly_a_code", say: chatTexts.nearly }',
    replace: 'nearly ? { status: "not_a_code" }',
    tests: chat,
  },
  {
    name: "messages-are-nearly-codes-without-a-sign-in",
    rule: 9,
    find: "if (waitedFor !== undefined) {",
    replace: "if (isLikeOurs) {",
    tests: chat,
  },
  {
    name: "a-typed-code-is-waited-for",
    rule: 9,
    in: "codeWaitedFor",
    find: "if (pending !== undefined)",
    replace: "if (waiting.expiresAt > core.now())",
    tests: chat,
  },
  {
    name: "an-expired-code-is-waited-for",
    rule: 9,
    find: "waiting.expiresAt > core.now() ? await readPending(core, owner, waiting) : undefined",
    replace: "await readPending(core, owner, waiting)",
    tests: chat,
  },
  {
    name: "one-of-several-codes-counts",
    rule: 9,
    find: 'codes.length === 1 ? codeDigest(codes[0] ?? "") : ""',
    replace: 'codeDigest(codes.at(-1) ?? "")',
    tests: chat,
  },
  {
    name: "several-codes-for-one-try",
    rule: 9,
    find: "n < codes.length && tries <= maxTries",
    replace: "n < 1",
    tests: chat,
  },
  {
    name: "a-cancel-leaves-the-code",
    rule: 9,
    in: "leave",
    find: "await dropWaiting(core, chat.owner);",
    replace: "",
    tests: chat,
  },
  {
    name: "a-cancel-that-was-cut-off-is-half-done",
    rule: 9,
    find: 'if (answer === "cancel") return leave(chat, messages);',
    replace: "",
    tests: faults,
  },
  {
    name: "a-cancel-of-a-code-leaves-no-question",
    rule: 9,
    in: "cancel",
    find: "(await end(named)) === undefined",
    replace: "(false as boolean)",
    tests: faults,
  },
  {
    name: "a-question-of-before-a-sign-out-passes-a-mistyped-code-on",
    rule: 9,
    find: "if (isAsked && (answer !== undefined || !(await isOver(chat, asked.question))))",
    replace: "if (isAsked)",
    tests: chat,
  },
  {
    name: "a-question-that-is-said-again-does-not-live-as-long-again",
    rule: 9,
    find: "await chat.questions.change(asked, asked.question);",
    replace: "",
    tests: chat,
  },
  {
    name: "a-turn-that-failed-forgets-the-earlier-messages",
    rule: 9,
    find: "together(kept?.messages, question.messages)",
    replace: "kept?.messages ?? question.messages",
    tests: chat,
  },
  {
    name: "a-code-in-a-mention-reaches-the-model",
    rule: 9,
    find: "[...visible.toUpperCase()",
    replace: "[...ownText(visible).toUpperCase()",
    tests: code,
  },
  {
    name: "any-word-of-nine-is-a-code-in-a-sentence",
    rule: 9,
    find: "(code) => hasDigit(code) && looksOurs(code)",
    replace: "hasDigit",
    tests: code,
  },
  {
    name: "an-answer-in-a-sentence",
    rule: 9,
    find: "if (found === undefined) return undefined; const meaning",
    replace: "if (found === undefined) { at += 1; continue; } const meaning",
    tests: answer,
  },
  {
    name: "a-yes-and-a-no-are-an-answer",
    rule: 9,
    find: "if (answer !== undefined && answer !== meaning) return undefined;",
    replace: "",
    tests: answer,
  },
  {
    name: "a-doubtful-yes-is-a-yes",
    rule: 9,
    find: 'return answer === "yes" && isDoubtful ? undefined : answer;',
    replace: "return answer;",
    tests: answer,
  },
  {
    name: "a-yes-of-your-own-overrides-a-no",
    rule: 9,
    find: '["polite", "yes", "no", "cancel"] as const',
    replace: '["no", "cancel", "polite", "yes"] as const',
    tests: answer,
  },
];
