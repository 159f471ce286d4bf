import { describe, expect, it } from "vitest";
import { createSignIn, memoryStore, signInTexts, type SignInTexts } from "hosted-agent-identity/sign-in";
import { clientSecret, entraApp, protectedResource } from "hosted-agent-identity";
import { languageFor, languagesOf } from "../../../src/sign-in/texts/languages.js";

const tenantId = "11111111-1111-4111-8111-111111111111";
const app = entraApp({ tenantId, clientId: tenantId, credential: clientSecret("secret") });
const make = (languages: unknown) =>
  createSignIn({
    app,
    publicUrl: "https://agent.example.com/sign-in",
    resources: [
      protectedResource({
        url: "https://contacts.example.com/mcp",
        serverLabel: "contacts",
        scopes: ["api://contacts/read"],
        audiences: ["api://contacts"],
      }),
    ],
    store: memoryStore({ quiet: true }),
    encryptionKeys: [new Uint8Array(32).fill(1)],
    languages: languages as Readonly<Record<string, SignInTexts>>,
  });
const { en } = signInTexts;

describe("the language of a page", () => {
  const dutch = { ...en, signOut: "Afmelden" };
  const languages = languagesOf({ nl: dutch, "pt-br": en, ar: en, he: en, "az-Arab": en });
  it.each([
    [null, "en"],
    ["", "en"],
    ["*", "en"],
    ["de", "de"],
    ["de-AT,en;q=0.5", "de"],
    ["DE-ch", "de"],
    ["fr-CA, en;q=0.9", "fr"],
    ["es-419", "es"],
    ["ja,zh;q=0.9,de;q=0.1", "de"],
    ["de;q=0.2, fr;q=0.7, en;q=0.5", "fr"],
    ["de;q=0, fr;q=0.1", "fr"],
    ["de;q=2", "en"],
    ["de;q=x", "en"],
    ["nl-BE", "nl"],
    ["pt", "pt-BR"],
    ["pt-PT", "en"],
    ["ar-EG", "ar"],
    ["-", "en"],
    ["de\u0000", "en"],
    [`${"x,".repeat(300)}de`, "en"],
  ])("for %j is %s", (header, tag) => {
    expect(languageFor(header, languages).tag).toBe(tag);
  });

  it("runs from the side that its script does", () => {
    const directions = languages.map(({ tag, direction }) => [tag, direction]);
    expect(Object.fromEntries(directions)).toEqual({
      en: "ltr",
      de: "ltr",
      fr: "ltr",
      es: "ltr",
      nl: "ltr",
      "pt-BR": "ltr",
      ar: "rtl",
      he: "rtl",
      "az-Arab": "rtl",
    });
  });

  it("is the operator's where it replaces ours", () => {
    const own = languagesOf({ EN: { ...en, signOut: "Leave" } });
    expect(languageFor("en-GB", own).texts.signOut).toBe("Leave");
    expect(own).toHaveLength(4);
  });
});

describe("the option languages", () => {
  it("takes every one of ours, and single texts changed", () => {
    expect(() => make({ nl: en, "pt-BR": { ...signInTexts.es, signOut: "Sair" } })).not.toThrow();
  });

  const { signOut: _, ...withoutOne } = en;
  it.each<[string, unknown, RegExp]>([
    [
      "a text that is missing",
      { nl: withoutOne },
      /languages\["nl"\]: 1 of \d+ texts are missing: signOut\./,
    ],
    ["all texts missing", { nl: {} }, /languages\["nl"\]: (\d+) of \1 texts are missing/],
    [
      "a text that is empty",
      { nl: { ...en, signOut: " " } },
      /languages\["nl"\]\.signOut: expected a text of/,
    ],
    ["no text", { nl: { ...en, signOut: 5 } }, /languages\["nl"\]\.signOut: expected a text of/],
    ["a text too long", { nl: { ...en, signOut: "x".repeat(1001) } }, /at most 1000 characters/],
    [
      "a placeholder that is missing",
      { nl: { ...en, linkTitle: "Aanmelden" } },
      /linkTitle: expected a text with the placeholders \{agent\}, and no others/,
    ],
    [
      "a placeholder that is misspelled",
      { nl: { ...en, linkTitle: "Aanmelden voor {agnet}" } },
      /linkTitle: expected a text with the placeholders \{agent\}/,
    ],
    [
      "a placeholder where none is",
      { nl: { ...en, signOut: "{agent}" } },
      /signOut: expected a text without/,
    ],
    ["a list", { nl: [] }, /languages\["nl"\]: expected the texts of a language/],
    ["no tag", { "not a tag": en }, /languages: expected each language once, under its BCP 47 tag/],
    ["one language twice", { "pt-br": en, "pt-BR": en }, /languages: expected each language once/],
  ])("refuses %s", (_name, languages, message) => {
    expect(() => make(languages)).toThrow(message);
  });
});
