import type { Mutant } from "./mutant.js";

const branding = ["test/sign-in/pages/branding.test.ts"];
const languages = ["test/sign-in/texts/languages.test.ts"];
const refusals = ["test/sign-in/flow/refusals.test.ts"];
const connections = ["test/sign-in/flow/connections.test.ts"];

/** The guards of the sign-in pages: what an operator or a link has given stays text, and nothing strange is loaded. */
export const pageMutants: readonly Mutant[] = [
  {
    name: "a-page-with-markup-of-others",
    rule: 17,
    find: "String(part).replace(/[&<>\"']/g, (char) => `&#${char.charCodeAt(0)};`)",
    replace: "String(part)",
    tests: branding,
  },
  {
    name: "an-attribute-that-ends-early",
    rule: 17,
    in: "written",
    find: "/[&<>\"']/g, (char) =>",
    replace: "/[&<>']/g, (char) =>",
    tests: branding,
  },
  {
    name: "a-translation-is-markup",
    rule: 17,
    find: "if (at % 2 === 0) return html`${part}`;",
    replace: "if (at % 2 === 0) return Object.assign(html``, { text: part });",
    tests: branding,
  },
  {
    name: "a-logo-of-any-kind",
    rule: 17,
    find: "text.length <= maxLogoLength && dataImage.test(text)",
    replace: "text.length <= maxLogoLength",
    tests: branding,
  },
  {
    name: "a-logo-that-writes-the-policy",
    rule: 17,
    find: "&& !/[;,']/.test(new URL(text).pathname)",
    replace: "",
    tests: branding,
  },
  {
    name: "a-link-that-is-a-script",
    rule: 17,
    in: "pageUrl",
    find: "isSecureUrl(new URL(value))",
    replace: "new URL(value) instanceof URL",
    tests: branding,
  },
  {
    name: "a-color-that-is-a-rule",
    rule: 17,
    find: "/^#[0-9a-f]{6}$/i.test(text)",
    replace: "/^#[0-9a-f]{6}/i.test(text)",
    tests: branding,
  },
  {
    name: "a-color-nobody-can-read",
    rule: 17,
    find: "isHex(value) && contrastOn(value, on) >= leastContrast,",
    replace: "isHex(value),",
    tests: branding,
  },
  {
    name: "a-script-on-every-page",
    rule: 17,
    find: "page?.script === true ? scripted : plain",
    replace: "page === undefined ? plain : scripted",
    tests: branding,
  },
  {
    name: "a-language-in-part",
    rule: 17,
    find: "if (missing.length > 0) throw",
    replace: "if (missing.length > names.length) throw",
    tests: languages,
  },
  {
    name: "a-text-without-its-names",
    rule: 17,
    find: "if (placeholdersOf(text).join() !== wanted.join()) throw",
    replace: "if (wanted.length > 9) throw",
    tests: languages,
  },
  {
    name: "a-language-header-of-any-length",
    rule: 16,
    find: '(header ?? "").length > maxHeaderLength ? [] :',
    replace: "",
    tests: languages,
  },
  {
    name: "a-reference-of-its-own-for-each-event",
    rule: 17,
    find: 'emit(core.onEvent, { type: "sign_in_refused", reason: refused.kind, reference });',
    replace: 'emit(core.onEvent, { type: "sign_in_refused", reason: refused.kind, reference: "0" });',
    tests: refusals,
  },
  {
    name: "an-approval-before-a-sign-in",
    rule: 9,
    find: 'if (!asked || parameters.has("code")) return undefined;',
    replace: "if (!asked) return undefined;",
    tests: refusals,
  },
  {
    name: "an-approval-that-was-refused",
    rule: 9,
    find: '&& !parameters.has("error");\n  return given',
    replace: ";\n  return given",
    tests: refusals,
  },
  {
    name: "a-disconnect-that-does-not-ask",
    rule: 9,
    find: 'if (form.get("sure") !== "yes") return {',
    replace: 'if (form.get("sure") === "never") return {',
    tests: connections,
  },
];
