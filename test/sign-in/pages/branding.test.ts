import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { nested, readOptions } from "../../../src/options/option-table.js";
import { optional } from "../../../src/options/checks.js";
import { accentsOf, brandingOptions } from "../../../src/sign-in/pages/branding.js";
import { lookOf } from "../../../src/sign-in/pages/layout.js";
import { surfaces, style } from "../../../src/sign-in/pages/style.js";
import { signInTexts, type SignInBranding, type SignInTexts } from "hosted-agent-identity/sign-in";
import { languageFor, languagesOf } from "../../../src/sign-in/texts/languages.js";
import { gallery } from "../support/gallery.js";

const entra = "https://login.microsoftonline.com";
const [english] = languagesOf();
if (english === undefined) throw new Error("no language");
const read = (branding: object): SignInBranding =>
  readOptions<{ branding?: SignInBranding }>(
    "createSignIn",
    { branding: optional(nested(brandingOptions)) },
    { branding: branding as SignInBranding },
  ).branding ?? { name: "" };
const page = (branding: object, name = "link"): string => {
  const found = gallery().get(name);
  return found === undefined ? "" : lookOf(entra, read(branding)).render(found, english);
};
const policyOf = (branding: object, name = "link"): string =>
  lookOf(entra, read(branding)).headers(gallery().get(name))["content-security-policy"] ?? "";

describe("a branding", () => {
  it("stands on every page: name, logo, help and privacy", () => {
    const branding = {
      name: "Contoso",
      logo: "https://cdn.example.com/logo.svg",
      supportUrl: "mailto:help@contoso.example",
      privacyUrl: new URL("https://contoso.example/privacy?x=1&y=2"),
    };
    for (const name of gallery().keys()) {
      const html = page(branding, name);
      expect(html).toContain(`<img src="https://cdn.example.com/logo.svg" alt="" />`);
      expect(html).toMatch(/<span dir="auto">\s*Contoso\s*<\/span/);
      expect(html).toContain(" · Contoso</title>");
      expect(html).toContain(`href="mailto:help@contoso.example"`);
      expect(html).toContain(`href="https://contoso.example/privacy?x=1&#38;y=2"`);
    }
    expect(page({ name: "Contoso" })).not.toMatch(/<footer|<img/);
  });

  it("lets its logo in, and no other image", () => {
    expect(policyOf({ name: "Contoso" })).not.toContain("img-src");
    const logo = "https://cdn.example.com/a/logo.svg";
    expect(policyOf({ name: "Contoso", logo })).toContain(` img-src ${logo}; `);
    const data = "data:image/png;base64,iVBORw0KGgo=";
    expect(policyOf({ name: "Contoso", logo: data })).toContain(" img-src data:; ");
  });

  it.each([
    "http://cdn.example.com/logo.svg",
    "https://user@cdn.example.com/logo.svg",
    "https://cdn.example.com/logo.svg?v=1",
    "https://cdn.example.com/logo.svg#x",
    "https://cdn.example.com/a;b.svg",
    "https://cdn.example.com/a,b.svg",
    "https://cdn.example.com/'self'",
    "data:image/svg+xml,<svg/>",
    "data:image/svg+xml;utf8,<svg/>",
    "data:text/html;base64,PGI+",
    `data:image/png;base64,AAAA" onerror="x`,
    `data:image/png;base64,${"A".repeat(70_000)}`,
    "javascript:alert(1)",
    "logo.svg",
  ])("refuses the logo %s", (logo) => {
    expect(() => read({ name: "Contoso", logo })).toThrow(
      /^createSignIn: branding\.logo: expected an https address/,
    );
  });

  it.each([
    ["supportUrl", "javascript:alert(1)"],
    ["supportUrl", "mailto:"],
    ["supportUrl", "http://contoso.example"],
    ["privacyUrl", "mailto:a@contoso.example"],
    ["privacyUrl", "https://user:secret@contoso.example"],
    ["chatUrl", "javascript:alert(1)"],
    ["chatUrl", "data:text/html,x"],
  ])("refuses the %s %s", (option, url) => {
    expect(() => read({ name: "Contoso", [option]: url })).toThrow(
      `createSignIn: branding.${option}: expected`,
    );
  });

  it("leads back to the chat: to one, or to that of the agent", () => {
    const back = (chatUrl: unknown, agent?: string): string | undefined =>
      lookOf(entra, read({ name: "Contoso", chatUrl })).chatOf(agent);
    const teams = "https://teams.microsoft.com/l/chat/0/0?users=a";
    expect([back(teams), back(new URL(teams), "contacts"), back(undefined, "contacts")]).toEqual([
      teams,
      teams,
      undefined,
    ]);
    const each = { contacts: teams, mail: new URL("https://mail.example.com/") };
    expect([back(each, "contacts"), back(each, "mail"), back(each, "constructor"), back(each)]).toEqual([
      teams,
      "https://mail.example.com/",
      undefined,
      undefined,
    ]);
    expect(() => back({ contacts: "http://x.example" })).toThrow('branding.chatUrl["contacts"]: expected');
    for (const name of ["code", "signed-in", "wrong_account"])
      expect(page({ name: "Contoso" }, name)).toContain("https://chat.example.com/?thread=1&#38;x=2");
  });
});

describe("the colors of a branding", () => {
  it("are refused when they cannot be read, with how far they are", () => {
    const light =
      /^createSignIn: branding\.accent: expected a color as #rrggbb with a contrast of at least 4\.5 to 1 on #ffffff and #f3f4f6, got a string of 7 characters\. This one has 1\.3 to 1: choose a darker one\.$/;
    expect(() => read({ name: "Contoso", accent: "#ffcc00" })).toThrow(light);
    expect(() => read({ name: "Contoso", accentDark: "#0b5cad" })).toThrow(/choose a lighter one/);
    for (const accent of ["red", "#06c", "#0b5cad; } body { display: none", "rgb(0 0 0)"])
      expect(() => read({ name: "Contoso", accent })).toThrow(/expected a color as #rrggbb/);
    // 4.54 on white, and 4.13 on the gray around the card.
    expect(() => read({ name: "Contoso", accent: "#767676" })).toThrow(/This one has 4\.1 to 1/);
    expect(accentsOf(read({ name: "Contoso", accent: "#0B5CAD" }))?.light).toBe("#0B5CAD");
  });

  it("are in the style that the policy allows, the dark one lightened by itself", () => {
    expect(accentsOf({ name: "x", accent: "#8a0f3c" })).toEqual({ light: "#8a0f3c", dark: "#bf7b94" });
    expect(accentsOf({ name: "x", accent: "#000000" })?.dark).toBe("#8c8c8c");
    expect(accentsOf({ name: "x", accent: "#8a0f3c", accentDark: "#ffffff" })?.dark).toBe("#ffffff");
    expect(accentsOf({ name: "x" })).toBeUndefined();
    expect(page({ name: "x", accent: "#8a0f3c" })).toContain(":root { --accent: #8a0f3c; }");
    expect(page({ name: "x", accentDark: "#ffffff" })).not.toContain("--accent: ;");
    expect(policyOf({ name: "x", accent: "#8a0f3c" })).not.toBe(policyOf({ name: "x" }));
  });

  it("are compared with what the pages stand on", () => {
    const [light = "", dark = ""] = style.split("@media (prefers-color-scheme: dark)");
    for (const [scheme, of] of [
      [light, surfaces.light],
      [dark, surfaces.dark],
    ] as const)
      expect([/--card: (#\w+)/, /--page: (#\w+)/].map((one) => one.exec(scheme)?.[1])).toEqual(of);
  });
});

describe("every page", () => {
  it("has no script but the one of the code page, which its policy names by its hash", () => {
    for (const [name, each] of gallery()) {
      const look = lookOf(entra);
      const scripts = [...look.render(each, english).matchAll(/<script>([^]*?)<\/script>/g)];
      const policy = look.headers(each)["content-security-policy"] ?? "";
      const named = /script-src ([^;]*);/.exec(policy)?.[1];
      const hashes = scripts.map(
        ([, script = ""]) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`,
      );
      expect([name, hashes.join(" ")]).toEqual([name, named ?? ""]);
      expect(hashes).toHaveLength(name === "code" ? 1 : 0);
      expect(policy).toContain("default-src 'none';");
    }
  });

  it("writes every option and every text as text", () => {
    const hostile = `"'><i>{x}`;
    const shown = hostile.replace("{x}", "");
    const texts: SignInTexts = { ...signInTexts.en };
    for (const [name, text] of Object.entries(texts)) Object.assign(texts, { [name]: `${text}${shown}` });
    const language = languageFor("nl", languagesOf({ nl: texts }));
    const look = lookOf(entra, {
      name: hostile,
      logo: `https://x.example/${shown}`,
      supportUrl: `mailto:${hostile}`,
      privacyUrl: `https://x.example/?${hostile}`,
    });
    const pages = gallery({
      agent: hostile,
      serverLabel: hostile,
      username: `${hostile}@${hostile}`,
      chat: `https://x.example/?${hostile}`,
    });
    for (const [name, each] of pages) {
      const html = look.render(each, language).replace(/<script>[^]*<\/script>/, "");
      expect([name, html.match(/<i>|"'|'>/g)]).toEqual([name, null]);
      expect(html).toContain("&#34;&#39;&#62;&#60;i&#62;");
      expect(html).not.toMatch(/\son\w+=/);
    }
  });

  it("says all it has to say in each language", () => {
    const said = languagesOf().map((language) =>
      [...gallery()].map(([name, each]) => {
        const html = lookOf(entra).render(each, language);
        expect(html).toContain(`<html lang="${language.tag}" dir="ltr">`);
        const text = html.replace(/<(style|script)>[^]*?<\/\1>|data-text="[^"]*"/g, "");
        expect([name, text.match(/\{\w*\}|undefined|null|NaN/)]).toEqual([name, null]);
        return html;
      }),
    );
    const [en = [], ...others] = said;
    expect(en.length).toBeGreaterThan(25);
    for (const other of others) for (const [n, html] of other.entries()) expect(html).not.toBe(en[n]);
  });

  it("uses every text", () => {
    const unused = new Set(Object.keys(signInTexts.en));
    const watched = {
      ...english,
      texts: new Proxy(english.texts, {
        get: (texts, name: string) => {
          unused.delete(name);
          return Reflect.get(texts, name);
        },
      }),
    };
    const look = lookOf(entra, {
      name: "x",
      supportUrl: "https://x.example",
      privacyUrl: "https://x.example",
    });
    for (const each of gallery().values()) look.render(each, watched);
    expect([...unused].sort()).toEqual(["disconnected", "gone"]);
  });
});
