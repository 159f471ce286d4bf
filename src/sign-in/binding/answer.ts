import { check, list, optional } from "../../options/checks.js";
import type { OptionCheck, OptionTable } from "../../options/option-table.js";
import { maxMessageLength, ownText, plainWords, readings, visibleText } from "./typed.js";

/**
 * Words with which people answer when the chat has named their account, beyond the built-in ones in about 25 languages.
 * Upper and lower case, punctuation, layout, emoji and mentions make no difference.
 * @group Sign-in
 */
export interface ChatAnswers {
  /** More ways to say that the account is theirs, such as `jo` or `that's my account`. */
  readonly yes?: readonly string[];
  /** More ways to say that it is not. */
  readonly no?: readonly string[];
  /** More ways to leave the sign-in. */
  readonly cancel?: readonly string[];
  /** Words that change nothing beside an answer, such as `please`. Alone they answer nothing. */
  readonly polite?: readonly string[];
}

type Meaning = keyof ChatAnswers;

/** What a message answers. */
export type Answer = "yes" | "no" | "cancel";

/** One line for each language or a few. The question asks for "yes" or "no"; people answer in their own. */
const builtIn: Readonly<Record<Meaning, string>> = {
  yes: `yes, y, yep, yup, yeah, yes sir, ok, okay, sure, right, correct, exactly, of course, confirm, confirmed, i confirm
    it's me, its me, it is me, that's me, thats me, that is me, this is me, i am, it is, it's mine, that's mine, that is mine
    it's my account, it is my account, that's my account, that is my account, this is my account, my account
    ja, jawohl, jep, jo, genau, stimmt, das stimmt, richtig, klar, das bin ich, bin ich, ich bin es, ich bin's, das ist mein konto, mein konto
    oui, ouais, exact, exactement, d'accord, bien sûr, tout à fait, c'est moi, c'est bien moi, c'est mon compte, c'est bien mon compte
    sí, si, correcto, claro, vale, así es, soy yo, es mi cuenta, sì, certo, esatto, sono io, è il mio account
    sim, certo, sou eu, é a minha conta, é minha conta, klopt, dat klopt, dat ben ik, dat is mijn account
    det är jag, det er mig, det er meg, jag, kyllä, joo, tak, to ja, zgadza się, ano, jsem to já, igen, én vagyok, da, eu sunt
    evet, benim, да, это я, верно, так, це я, ναι, εγώ είμαι, נכון, כן, זה אני, نعم, हाँ, हां, iya, vâng, ใช่
    是, 是的, 对, 是我, 好, 好的, 确认, はい, そうです, 私です, 네, 예, 맞아요, 맞습니다`,
  no: `no, n, nope, nah, not me, it's not me, it is not me, that's not me, thats not me, that is not me, this is not me
    not mine, that's not mine, not my account, that's not my account, that is not my account, it is not, it isn't, wrong, wrong account
    nein, nö, nee, falsch, bin ich nicht, das bin ich nicht, das ist nicht mein konto, nicht mein konto
    non, pas moi, c'est pas moi, ce n'est pas moi, ce n'est pas mon compte, no soy yo, no es mi cuenta, non sono io
    não, nao, não sou eu, dat ben ik niet, nej, nei, nej tak, nej tack, nei takk, nie, to nie ja, ne, nem, nu
    ei, hayır, hayir, нет, не я, это не я, ні, όχι, לא, لا, नहीं, tidak, không, ไม่ใช่
    不, 不是, 不是我, いいえ, 違います, 아니요, 아니오`,
  cancel: `cancel, cancel it, cancel that, cancel this, cancel sign in, cancel the sign in, stop, abort, quit, exit, leave, never mind, nevermind, forget it
    abbrechen, abbruch, stopp, annuler, annulez, annule, cancelar, cancela, annulla, annuleren, avbryt, annuller, peruuta
    anuluj, zrušit, mégse, anulează, iptal, отмена, скасувати, ακύρωση, ביטול, إلغاء, batal, 取消, キャンセル, 취소`,
  polite: `please, thanks, thank you, thx, hi, hello, hey, go ahead
    bitte, danke, danke schön, vielen dank, gern, gerne, hallo
    s'il vous plaît, s'il te plaît, svp, stp, merci, bonjour, por favor, gracias, hola, per favore, grazie
    obrigado, obrigada, graag, alsjeblieft, alstublieft, dank je, dank u, bedankt, tack, takk, kiitos, proszę, dziękuję
    prosím, děkuji, köszönöm, mulțumesc, lütfen, teşekkürler, пожалуйста, спасибо, дякую, παρακαλώ, ευχαριστώ
    בבקשה, תודה, من فضلك, شكرا, terima kasih, 谢谢, お願いします, 감사합니다`,
};

/** What each phrase says, by its plain words. */
export type Phrases = ReadonlyMap<string, Meaning>;

/** A longer message answers nothing: what stands behind a "no" may be for the agent. In characters. */
const maxAnswer = 100;
/** Of one phrase, in characters. */
const maxPhrase = 60;
const maxWords = 8;

/** The built-in phrases and more. Of two lists that have the same phrase, the one that connects nothing counts. */
export function phrasesWith(more: ChatAnswers = {}): Phrases {
  const phrases = new Map<string, Meaning>();
  for (const meaning of ["polite", "yes", "no", "cancel"] as const)
    for (const phrase of [...builtIn[meaning].split(/[,\n]/), ...(more[meaning] ?? [])])
      phrases.set(plain(phrase), meaning);
  phrases.delete("");
  return phrases;
}

const usual: Phrases = phrasesWith();

/**
 * What a message answers, if it answers at all: the whole message has to be made of such phrases, and all of them have
 * to say the same.
 */
export function answerIn(text: string, phrases: Phrases = usual, agent = ""): Answer | undefined {
  if (text.length > maxMessageLength) return undefined;
  const visible = visibleText(text);
  const own = ownText(visible);
  if (own.length > maxAnswer) return undefined;
  const said = readings(own, agent).map((words) => meaningOf(plain(words), phrases));
  const answer = said.find((one) => one !== undefined);
  const isDoubtful = doubts.test(own) || crossedOut.test(visible);
  return answer === "yes" && isDoubtful ? undefined : answer;
}

/** A question, a thumb down, or a word that was struck out is no yes. A Greek question mark has become a semicolon. */
const doubts = /[?؟👎❌✖🚫🛑⛔]|;$|^~/u;
const crossedOut = /<(?:s|del|strike)\b|:(?:-1|thumbsdown|x|no_entry):/i;

function meaningOf(said: string, phrases: Phrases): Answer | undefined {
  const words = said.split(" ");
  let answer: Answer | undefined;
  for (let at = 0; at < words.length;) {
    const found = longestPhrase(words.slice(at, at + maxWords), phrases);
    if (found === undefined) return undefined;
    const meaning = phrases.get(found.join(" "));
    if (meaning !== "polite") {
      if (answer !== undefined && answer !== meaning) return undefined;
      answer = meaning;
    }
    at += found.length;
  }
  return answer;
}

function longestPhrase(words: readonly string[], phrases: Phrases): readonly string[] | undefined {
  for (let size = words.length; size > 0; size -= 1)
    if (phrases.has(words.slice(0, size).join(" "))) return words.slice(0, size);
  return undefined;
}

/** Words in lower case with a space between. */
function plain(phrase: string): string {
  return plainWords(visibleText(phrase).toLowerCase()).replace(/[,-]/g, " ");
}

const phraseCheck: OptionCheck<string> = /* @__PURE__ */ check(
  "text",
  `words that somebody may type, at most ${maxWords} and ${maxPhrase} characters`,
  (phrase: string) =>
    phrase.length <= maxPhrase && plain(phrase) !== "" && plain(phrase).split(" ").length <= maxWords,
);

/** The options of {@link ChatAnswers}. */
export const chatAnswerOptions: OptionTable<ChatAnswers> = {
  yes: optional(list(phraseCheck)),
  no: optional(list(phraseCheck)),
  cancel: optional(list(phraseCheck)),
  polite: optional(list(phraseCheck)),
};
