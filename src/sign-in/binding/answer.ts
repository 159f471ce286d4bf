/** A yes or a no in the languages people are most likely to answer in; the question asks for "yes" or "no". */
const words = {
  yes: [
    "yes",
    "y",
    "yep",
    "yeah",
    "ok",
    "okay",
    "confirm",
    "ja",
    "oui",
    "si",
    "sí",
    "sim",
    "tak",
    "ano",
    "evet",
    "да",
    "так",
    "是",
    "はい",
    "예",
    "네",
    "हाँ",
    "نعم",
    "כן",
    "kyllä",
    "ναι",
  ],
  no: [
    "no",
    "n",
    "nope",
    "cancel",
    "nein",
    "non",
    "não",
    "nao",
    "nej",
    "nee",
    "nie",
    "ne",
    "hayır",
    "нет",
    "ні",
    "不",
    "不是",
    "いいえ",
    "아니요",
    "नहीं",
    "لا",
    "לא",
    "ei",
    "όχι",
  ],
} as const;

/** What a message answers, if it answers at all: the whole message has to be the word. */
export function answerIn(text: string): "yes" | "no" | undefined {
  const whole = text.trim();
  // Not its beginning: what stands behind a "no" may be for the agent.
  if (whole.length > 100) return undefined;
  const said = whole
    .normalize("NFC")
    .toLowerCase()
    .replace(/[.!。！]+$/, "");
  if ((words.yes as readonly string[]).includes(said)) return "yes";
  return (words.no as readonly string[]).includes(said) ? "no" : undefined;
}
