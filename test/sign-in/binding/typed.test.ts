import fc from "fast-check";
import { expect, it } from "vitest";
import { answerIn } from "../../../src/sign-in/binding/answer.js";
import { newCode, typedCodes } from "../../../src/sign-in/binding/code.js";

/** What channels and people put before a message, and what they put behind it. */
const before = fc.constantFrom(
  "",
  "<at>Contacts Agent</at> ",
  '<at id="0">Agent 47</at>&nbsp;',
  "&lt;at&gt;Contacts Agent&lt;/at&gt; ",
  "<@U0ABC2DEF> ",
  "<@U0ABC2DEF|contacts> ",
  "&lt;@U0ABC2DEF&gt; ",
  "<@!1234567890> ",
  "<users/1234> ",
  "@agent ",
  "@Contacts Agent ",
  "Contacts Agent: ",
  "[Agent](https://matrix.to/#/@agent:example.org): ",
  "\r\n",
  "> Is ada@contoso.com your account?\n\n",
  "<blockquote><b>Agent</b><p>Sign in first.</p></blockquote>",
);
const after = fc.constantFrom(
  "",
  ".",
  "!",
  "\n",
  " 👍",
  " 👍🏽",
  " ❤️",
  " :+1:",
  " <@U0ABC2DEF>",
  " <at>Agent</at>",
  "\u200b",
);
const around = fc.constantFrom(
  ...["", "**", "_", "`", '"', "'", "~", "```", "||"].map((mark) => [mark, mark] as const),
  ...[
    ["“", "”"],
    ["«", "»"],
    ["(", ")"],
    ["<p>", "</p>"],
    ["<b>", "</b>"],
    ["&quot;", "&quot;"],
  ].map(([open = "", close = ""]) => [open, close] as const),
);
const decorated = (inner: fc.Arbitrary<string>): fc.Arbitrary<{ inner: string; text: string }> =>
  fc.tuple(before, around, inner, after).map(([front, [open, close], said, end]) => ({
    inner: said,
    text: `${front}${open}${said}${close}${end}`,
  }));
const code = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => {
  let round = 0;
  return newCode(() => bytes.map((byte) => byte + 7 * round++));
});
const plain = (shown: string): string => shown.replace(/[^\p{L}\p{N}]/gu, "").toUpperCase();
const typed = (shown: fc.Arbitrary<string>, ...separators: readonly string[]): fc.Arbitrary<string> =>
  fc.tuple(shown, fc.constantFrom(...separators), fc.boolean()).map(([text, separator, isLower]) => {
    const said = text.replaceAll("-", separator);
    return isLower ? said.toLowerCase() : said;
  });

it("a code is found in whatever a channel and a person put around it", () => {
  fc.assert(
    fc.property(decorated(typed(code, "-", "–", "", " ", "\n", "-\n", " - ", "_")), ({ inner, text }) => {
      expect(typedCodes(text, "contacts-agent")).toEqual({
        codes: [plain(inner)],
        likely: [],
        nearly: false,
      });
    }),
    { numRuns: 300 },
  );
});

/** One character of a code missing, doubled, mistyped, or swapped with the next one. */
const mistake = fc
  .tuple(
    code,
    fc.nat(8),
    fc.constantFrom("missing", "doubled", "mistyped", "swapped"),
    fc.constantFrom(..."AZ279Éß"),
  )
  .map(([shown, nth, kind, other]) => {
    const at = nth + Math.floor(nth / 3);
    const [front, one, rest] = [shown.slice(0, at), shown.charAt(at), shown.slice(at + 1)];
    if (kind === "missing") return front + rest;
    if (kind === "doubled") return front + one + one + rest;
    if (kind === "mistyped") return front + other + rest;
    const next = rest.search(/[^-]/);
    return next === -1
      ? front + rest
      : `${front}${rest.charAt(next)}${rest.slice(0, next)}${one}${rest.slice(next + 1)}`;
  });

it("a code with one mistake is a code or nearly one, in whatever is put around it, and never a message", () => {
  fc.assert(
    fc.property(decorated(typed(mistake, "-", "–", "-\n", " - ")), ({ text }) => {
      const { codes, nearly } = typedCodes(text, "contacts-agent");
      expect(codes.length > 0 || nearly).toBe(true);
    }),
    { numRuns: 300 },
  );
});

it("so is one without its dashes, as long as it has a digit and a letter", () => {
  fc.assert(
    fc.property(decorated(typed(mistake, "")), ({ inner, text }) => {
      fc.pre(/\d/.test(inner) && /[a-z]/i.test(inner));
      const { codes, nearly } = typedCodes(text, "contacts-agent");
      expect(codes.length > 0 || nearly).toBe(true);
    }),
    { numRuns: 300 },
  );
});

const words =
  "who are you the and tell all about contacts yesterday continue please send offer two for Bob one day".split(
    " ",
  );

it("a message of words is neither, however it is decorated", () => {
  fc.assert(
    fc.property(
      decorated(
        fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 8 }).map((some) => some.join(" ")),
      ),
      ({ text }) => {
        expect(typedCodes(text, "contacts-agent")).toEqual({ codes: [], likely: [], nearly: false });
      },
    ),
    { numRuns: 300 },
  );
});

const answers = [
  ["yes", ["yes", "Yes", "YES", "ja", "oui", "sí", "oui, c'est moi", "that's me", "ok", "да", "はい", "हाँ"]],
  ["no", ["no", "Nein", "that is not me", "いいえ"]],
  ["cancel", ["cancel", "never mind", "Abbrechen"]],
] as const;
const polite = fc.constantFrom("", " please", ", thanks", " bitte", ", s'il vous plaît");
const answer = fc
  .constantFrom(...answers.flatMap(([meaning, all]) => all.map((said) => ({ meaning, said }))))
  .chain(({ meaning, said }) => polite.map((more) => ({ meaning, said: said + more })));

it("an answer is read in whatever is put around it", () => {
  fc.assert(
    fc.property(answer, before, around, after, ({ meaning, said }, front, [open, close], end) => {
      // One tilde in front strikes a word out.
      fc.pre(open !== "~");
      expect(answerIn(`${front}${open}${said}${close}${end}`, undefined, "contacts-agent")).toBe(meaning);
    }),
    { numRuns: 300 },
  );
});

it("a message with one word more answers nothing, wherever that word stands", () => {
  const more = fc.constantFrom("all", "delete", "but", "mails", "then", "Bob", "42");
  fc.assert(
    fc.property(answer, more, fc.boolean(), before, after, ({ said }, word, isFirst, front, end) => {
      // After a name in plain text, a word with a capital letter or a number may belong to the name.
      fc.pre(!(isFirst && front.startsWith("@") && /^[A-Z\d]/.test(word)));
      const text = isFirst ? `${word} ${said}` : `${said} ${word}`;
      expect(answerIn(`${front}${text}${end}`, undefined, "contacts-agent")).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
