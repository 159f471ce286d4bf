import { describe, expect, it } from "vitest";
import { answerIn, phrasesWith } from "../../../src/sign-in/binding/answer.js";

describe("an answer", () => {
  it.each([
    ["yes", "yes"],
    [" YES! ", "yes"],
    ["\r\nyes\r\n", "yes"],
    ["yes please", "yes"],
    ["Yes, that's me", "yes"],
    ["Yes, that’s me.", "yes"],
    ["Yes 👍🏽", "yes"],
    ["**yes**", "yes"],
    ["_Yes_", "yes"],
    ["`yes`", "yes"],
    ["“Yes”", "yes"],
    ["<p>yes</p>", "yes"],
    ["> yes", "yes"],
    ["> Is ada@contoso.com your account?\n\nyes", "yes"],
    ["&gt; Is it yours?\nyes", "yes"],
    ["<blockquote><b>Agent</b><p>Is it?</p></blockquote><p>yes</p>", "yes"],
    ["ok, thanks", "yes"],
    ["Ja", "yes"],
    ["ja, das bin ich", "yes"],
    ["Oui! ", "yes"],
    ["oui, c'est moi", "yes"],
    ["sí, por favor", "yes"],
    ["si\u0301", "yes"],
    ["はい。", "yes"],
    ["हाँ", "yes"],
    ["ja tak", "yes"],
    ["yes :thumbsup:", "yes"],
    ["no.", "no"],
    ["Nein.", "no"],
    ["no thanks", "no"],
    ["nej tak", "no"],
    ["No, that's not me", "no"],
    ["no?", "no"],
    [`${" ".repeat(200)}no\n`, "no"],
    ["cancel", "cancel"],
    ["Never mind.", "cancel"],
    ["Abbrechen bitte", "cancel"],
  ])("in %j is %j", (text, answer) => expect(answerIn(text)).toBe(answer));

  it.each([
    "<at>Contacts Agent</at> yes",
    "yes <at>Contacts Agent</at>",
    '<at id="0">Contacts Agent</at>&nbsp;yes',
    "&lt;at&gt;Contacts Agent&lt;/at&gt; yes",
    "&#60;at&#62;Contacts Agent&#x3C;/at&#x3e; yes",
    '<span itemscope itemtype="http://schema.skype.com/Mention" itemid="0">Contacts Agent</span> yes',
    "<@U0ABC2DEF> yes",
    "<@U0ABC2DEF|contacts> yes",
    "&lt;@U0ABC2DEF&gt; yes",
    "<!here> yes",
    "<@!1234567890> yes",
    "<@1234567890>yes",
    "<a:wave:1234567890> yes",
    "<users/123456> yes",
    '<spark-mention data-object-type="person" data-object-id="Y2">Contacts</spark-mention> yes',
    "[Contacts Agent](https://matrix.to/#/@contacts:example.org): yes",
    "@agent yes",
    "@agent, yes please",
    "@Contacts Agent yes",
    "@Contacts Agent YES",
    "@Contacts Agent Of Contoso Yes",
    "yes @contacts.agent",
    "@contacts agent yes",
    "Contacts Agent: yes",
    "contacts-agent, yes",
  ])("may have a mention, as in %j", (text) =>
    expect(answerIn(text, undefined, "contacts-agent")).toBe("yes"),
  );

  it.each([
    "",
    "please",
    "hello",
    "yesterday",
    "not yes",
    "yes no",
    "no that's me",
    "yes but who are you",
    "yes, delete all of them",
    "no, tell me more",
    "yes?",
    "ναι;",
    "yes 👎",
    "yes :-1:",
    "~~yes~~",
    "<s>yes</s>",
    "yes <https://x.example>",
    "@Bob said yes",
    "<at>Contacts Agent</at>",
    "👍",
    `no${" ".repeat(120)}but what else can you do?`,
    `<at>${"x".repeat(300)}</at> yes`,
    "yes ".repeat(30),
    "yes".padStart(100_001),
  ])("is not %j", (text) => expect(answerIn(text, undefined, "contacts-agent")).toBeUndefined());

  it("may be in words of your own, of which those that connect nothing come first", () => {
    const phrases = phrasesWith({ yes: ["Isch bin's", "no"], cancel: ["lass"], polite: ["gell"] });
    expect(["ISCH BIN’S, gell!", "lass", "no", "yes", "gell"].map((text) => answerIn(text, phrases))).toEqual(
      ["yes", "cancel", "no", "yes", undefined],
    );
    expect(answerIn("isch bin's")).toBeUndefined();
  });
});
