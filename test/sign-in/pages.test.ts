import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { protectedResource, type ProtectedResource, type UserContext } from "hosted-agent-identity";
import { signInTexts } from "hosted-agent-identity/sign-in";
import { launchChromium } from "../support/chromium.js";
import { lookOf } from "../../src/sign-in/pages/layout.js";
import { languagesOf } from "../../src/sign-in/texts/languages.js";
import { listening, type RunningHost } from "../support/listening.js";
import { findings, overhang, tabTo as tabToText } from "../support/page-checks.js";
import { contextOf, platformContext } from "./support/contexts.js";
import { gallery } from "./support/gallery.js";
import { signInSite, type Site } from "./support/site.js";
import { signInWorld, type SignInWorld } from "./support/signing-in.js";

let world: SignInWorld;
let site: Site;
let narrow: Site;
let browser: Browser;
let time = Date.now();
const now = (): number => time;
const contexts: BrowserContext[] = [];

beforeAll(async () => {
  world = await signInWorld({ now });
  const contoso = world.entra.tenants[0]?.id ?? "";
  for (const tenant of ["Contoso", "Fabrikam"])
    world.entra.grantConsent({
      allUsers: true,
      tenant,
      client: "agent",
      resource: "contacts",
      scopes: ["contacts.read"],
    });
  site = await signInSite(world, { now });
  const allowedTenants = [contoso, "11111111-0000-4000-8000-000000000000"];
  narrow = await signInSite(world, { now, entraApp: { allowedTenants } });
  browser = await launchChromium();
}, 120_000);
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await narrow?.close();
  await world?.entra.close();
});

const faults: string[] = [];

/** A person's own browser, on a phone. */
async function phone(colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 390, height: 740 }, colorScheme });
  contexts.push(context);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(String(error)));
  // Status codes are the pages' own; anything else in the console is a fault.
  page.on("console", (message) => {
    const expected = message.text().startsWith("Failed to load resource");
    if (!expected && !page.url().startsWith(world.entra.origin)) faults.push(message.text());
  });
  return page;
}

const linkFor = async (context: UserContext, at = site): Promise<string> =>
  (await at.signIn.link(context, world.contacts)).link;

async function choose(page: Page, user: string): Promise<void> {
  await page.getByRole("button", { name: new RegExp(`^${user}`) }).click();
}

async function signIn(page: Page, link: string, user: string): Promise<void> {
  await page.goto(link);
  await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
  await choose(page, user);
  await page.waitForURL("**/done?**");
}

const codeTitle = "Type this code into your chat";

/** The page's heading, after what holds for every page has been checked. */
async function seen(page: Page): Promise<string> {
  const title = await page.getByRole("heading", { level: 1 }).innerText();
  const facts = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    shape: getComputedStyle(document.querySelector("main") as Element).borderRadius,
    scripts: document.scripts.length,
    referrer: document.referrer,
  }));
  // The style is allowed by its hash: without it the page is plain.
  expect(facts).toEqual({ width: 390, shape: "12px", scripts: title === codeTitle ? 1 : 0, referrer: "" });
  expect(page.url()).not.toMatch(/[?&](code|state|error)=/);
  expect(faults).toEqual([]);
  return title;
}

/** Presses Tab until the element with this name has the focus, and shows that it can be seen. */
async function tabTo(page: Page, name: string): Promise<void> {
  await tabToText(page, name);
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement as Element).outlineStyle);
  expect(outline).toBe("solid");
}

describe("in a browser", () => {
  it("a person signs in with the keyboard alone, sees what is connected, and ends it", async () => {
    const page = await phone();
    await page.goto(await linkFor(await contextOf(world, "Ada")));
    expect(await seen(page)).toBe("Sign in for Contacts agent");
    await tabTo(page, "Continue to Microsoft sign-in");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${world.entra.origin}/**`);
    await tabTo(page, "Ada");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${site.publicUrl}/done**`);
    expect(await seen(page)).toBe("You are signed in");
    await tabTo(page, "See or end what is connected");
    await page.keyboard.press("Enter");
    await page.waitForURL(`${site.publicUrl}/connections`);
    expect(await seen(page)).toBe("What is connected");
    const [connection] = await page.getByRole("listitem").allInnerTexts();
    expect(connection).toMatch(/^Contacts agent\s+Uses: contacts\s+Connected: now \(.* UTC\)/);
    await tabTo(page, "Disconnect");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connections/end");
    expect(await seen(page)).toBe("Disconnect Contacts agent?");
    await tabTo(page, "Keep it connected");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connections");
    await tabTo(page, "Disconnect");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connections/end");
    await tabTo(page, "Disconnect");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/connections?note=disconnected");
    expect(await seen(page)).toBe("What is connected");
    expect(await page.getByRole("status").innerText()).toContain("Disconnected.");
    await tabTo(page, "Sign out");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign in with Microsoft" }).waitFor();
    expect(await seen(page)).toBe("What is connected");
    await page.getByRole("button", { name: "Sign in with Microsoft" }).click();
    await choose(page, "Ada");
    await page.waitForURL(`${site.publicUrl}/connections`);
    expect(await page.locator("main").innerText()).toContain("Nothing is connected");
  });

  it("a person whose account is not known gets a code that can be read and marked at once", async () => {
    const page = await phone("dark");
    await signIn(page, await linkFor(platformContext("chat")), "Ada");
    expect(await seen(page)).toBe(codeTitle);
    const code = (await page.getByLabel("Your code").innerText()).trim();
    expect(code).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
    await page.getByLabel("Your code").click();
    expect(await page.evaluate(() => String(getSelection()).trim())).toBe(code);
    await page.reload();
    expect((await page.getByLabel("Your code").innerText()).trim()).toBe(code);
    expect((await site.signIn.redeem(platformContext("chat"), code)).status).toBe("confirm");
    expect((await site.signIn.redeem(platformContext("chat"), "yes")).status).toBe("bound");

    const other = await phone();
    await signIn(other, await linkFor(platformContext("chat")), "Bob");
    expect(await seen(other)).toBe("Another account is connected");
    await other.goto(`${site.publicUrl}/connections`);
    expect(await seen(other)).toBe("What is connected");
    await page.goto(`${site.publicUrl}/connections`);
    const until = new Date(time + 3_600_000);
    await site.signIn.longRunning(await contextOf(world, "Ada"), { purpose: "report", until });
    await page.reload();
    expect(await seen(page)).toBe("What is connected");
    const work = page.getByRole("listitem").filter({ hasText: "Goes on working for you after the chat" });
    await work.getByRole("button", { name: "Disconnect: Contacts agent, work after the chat" }).click();
    await page.getByRole("button", { name: "Disconnect" }).click();
    expect(await page.getByRole("status").innerText()).toContain("Disconnected.");
    await page.getByRole("button", { name: "Use another account: Contacts agent" }).click();
    await page.getByRole("button", { name: "Use another account" }).click();
    expect(await page.getByRole("status").innerText()).toContain("another account");
    expect(await seen(page)).toBe("What is connected");
  });

  it("a forwarded link, a replayed callback, a stolen state and a second tab each have a page", async () => {
    const link = await linkFor(await contextOf(world, "Ada"));
    const [ada, bob] = [await phone(), await phone()];
    await signIn(bob, link, "Bob");
    expect(await seen(bob)).toBe("This link is for another account");

    let callback = "";
    ada.on("request", (request) => {
      if (request.url().includes("/callback?")) callback = request.url();
    });
    await signIn(ada, link, "Ada");
    expect(await seen(ada)).toBe("You are signed in");
    await ada.goto(callback);
    expect(await seen(ada)).toBe("This step was done before");
    await bob.goto(callback);
    expect(await seen(bob)).toBe("This sign-in began in another browser");
    await (await phone()).goto(callback);
    await ada.goto(link);
    expect(await seen(ada)).toBe("You are already signed in");

    const tab = await phone();
    const fresh = await linkFor(await contextOf(world, "Ada"));
    await tab.goto(fresh);
    await tab.context().clearCookies();
    await (await tab.context().newPage()).goto(fresh);
    await tab.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    expect(await seen(tab)).toBe("You have this open in another tab");
    await tab.getByRole("link", { name: "Try again" }).click();
    expect(await seen(tab)).toBe("Sign in for Contacts agent");
  });

  it("three tabs sign in at once, a fourth ends the oldest, and blocked cookies have a page", async () => {
    const first = await phone();
    const tabs = [first];
    for (let n = 1; n < 4; n += 1) tabs.push(await first.context().newPage());
    // The link pages first, as a restored session opens them; then each goes to Entra.
    for (const [n, tab] of tabs.entries()) await tab.goto(await linkFor(platformContext(`tab ${n}`)));
    for (const tab of tabs) {
      await tab.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
      await tab.waitForURL(`${world.entra.origin}/**`);
    }
    for (const [n, title] of [
      [2, codeTitle],
      [3, codeTitle],
      [0, "This sign-in cannot go on here"],
      [1, codeTitle],
    ] as const) {
      const tab = tabs[n] ?? first;
      await choose(tab, "Ada");
      await tab.waitForURL("**/done?**");
      expect(await seen(tab)).toBe(title);
    }
    // Nothing is left behind but the browser's own cookie.
    const left = (await first.context().cookies()).map(({ name }) => name);
    expect(left.filter((name) => name.startsWith("hosted-agent-sign-in"))).toHaveLength(1);

    const blocked = await phone();
    await blocked.goto(await linkFor(platformContext("blocked")));
    await blocked.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await blocked.waitForURL(`${world.entra.origin}/**`);
    const own = (await blocked.context().cookies()).filter(
      ({ name }) => !/^hosted-agent-sign-in-\d+-\d$/.test(name),
    );
    await blocked.context().clearCookies();
    await blocked.context().addCookies(own);
    await choose(blocked, "Ada");
    await blocked.waitForURL("**/done?**");
    expect(await seen(blocked)).toBe("This sign-in cannot go on here");
  });

  it("an expired link, a cancelled sign-in and a strange organization each have a page", async () => {
    const page = await phone();
    const link = await linkFor(await contextOf(world, "Cleo"));
    await page.goto(link);
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    expect(await seen(page)).toBe("You canceled the sign-in");
    time += 15 * 60_000;
    await page.goto(link);
    expect(await seen(page)).toBe("This link has expired");
    await page.goto(`${site.publicUrl}/start?t=nothing`);
    expect(await seen(page)).toBe("This link does not work");
    const strange = await phone();
    await signIn(strange, await linkFor(platformContext("strange"), narrow), "Fay");
    expect(await seen(strange)).toBe("This organization is not admitted");
    await strange.goto(`${site.publicUrl}/nothing`);
    expect(await seen(strange)).toBe("There is nothing here");
  });

  it.each([
    ["error=access_denied", "Access was refused"],
    ["error=consent_required", "An administrator has to approve first"],
    ["error=interaction_required&error_description=AADSTS50020%3A+x", "Your account is not a guest here"],
    ["error=server_error", "That did not work just now"],
  ])("Entra's answer %s has a page", async (answer, title) => {
    const page = await phone();
    await page.goto(await linkFor(await contextOf(world, "Ada")));
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await page.waitForURL(`${world.entra.origin}/**`);
    const state = new URL(page.url()).searchParams.get("state");
    await page.goto(`${site.publicUrl}/callback?${answer}&state=${state}`);
    expect(await seen(page)).toBe(title);
  });
});

describe("the page in front of one that a server asks for", () => {
  const message = "Connect your account";
  // A text that repeats itself fits into less.
  const state = randomBytes(2_300).toString("base64url");
  let third: RunningHost;
  let asked: { readonly url: string | undefined; readonly referrer: string | undefined }[];
  let gateway: ProtectedResource;
  let own: Site;

  beforeAll(async () => {
    third = await listening(
      createServer((request, response) => {
        asked.push({ url: request.url, referrer: request.headers.referer });
        response.writeHead(200, { "content-type": "text/html" });
        response.end("<title>Third</title><h1>The third party</h1>");
      }),
    );
    const { url, scopes, audiences } = world.contacts;
    const elicitation = { allowedLinks: [`${third.url}/connect/`] };
    gateway = protectedResource({ url, serverLabel: "Gateway", scopes, audiences, elicitation });
    own = await signInSite(world, { now, resources: [gateway] });
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(async () => {
    await own?.close();
    await third?.close();
  });

  const cardFor = async (user: string, url: string): Promise<string> => {
    const context = await contextOf(world, user);
    return (
      (await own.signIn.tokens().pageFor?.({ context, resource: gateway, url, message }))?.link ?? "no link"
    );
  };

  it("is reached with the keyboard alone, through Entra, and leads to the site without a trace", async () => {
    const page = await phone();
    const url = `${third.url}/connect/1?state=abc`;
    await page.goto(await cardFor("Ada", url));
    expect(await seen(page)).toBe("Sign in for Contacts agent");
    expect(await page.content()).not.toContain("/connect/1");
    await tabTo(page, "Continue to Microsoft sign-in");
    await page.keyboard.press("Enter");
    await choose(page, "Ada");
    await page.getByRole("heading", { name: "Open a page of Gateway?" }).waitFor();
    expect(await seen(page)).toBe("Open a page of Gateway?");
    expect(await page.locator("main").innerText()).toContain(url);
    expect(await page.locator("dd strong").innerText()).toBe(new URL(url).host);
    expect(asked).toEqual([]);
    await tabTo(page, "Open the page");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "The third party" }).waitFor();
    // A browser asks for an icon, too.
    expect(asked[0]).toEqual({ url: "/connect/1?state=abc", referrer: undefined });
    expect(await page.evaluate(() => [document.referrer, window.opener])).toEqual(["", null]);
  });

  it("shows a long address when the link is opened once more, on a phone, too", async () => {
    const page = await phone("dark");
    const url = `${third.url}/connect/2?state=${state}`;
    const card = await cardFor("Ada", url);
    await page.goto(card);
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await choose(page, "Ada");
    await page.waitForURL("**/connections?note=reopen");
    expect(await seen(page)).toBe("What is connected");
    expect(await page.getByRole("status").innerText()).toContain("open the link there once more");
    await page.goto(card);
    expect(await seen(page)).toBe("Open a page of Gateway?");
    expect(await findings(page)).toEqual([]);
    await page.getByRole("button", { name: "Open the page" }).click();
    await page.getByRole("heading", { name: "The third party" }).waitFor();
    expect(asked[0]?.url).toBe(`/connect/2?state=${state}`);
  });

  it("never shows anything to whoever got the link from somebody else", async () => {
    const page = await phone();
    await page.goto(await cardFor("Ada", `${third.url}/connect/3`));
    await page.getByRole("button", { name: "Continue to Microsoft sign-in" }).click();
    await choose(page, "Bob");
    await page.waitForURL("**/done?**");
    expect(await seen(page)).toBe("This link is for another account");
    expect(await page.content()).not.toContain("/connect/3");
    expect(asked).toEqual([]);
  });
});

describe("all pages", () => {
  const branding = {
    name: "Contoso",
    logo: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSI4IiBoZWlnaHQ9IjgiLz4=",
    accent: "#8a0f3c",
    supportUrl: "https://contoso.example/help",
    privacyUrl: "https://contoso.example/privacy",
  };
  const looks = [
    lookOf("https://login.microsoftonline.com"),
    lookOf("https://login.microsoftonline.com", branding),
  ];
  const languages = languagesOf({ ar: signInTexts.en });
  let host: RunningHost;

  beforeAll(async () => {
    host = await listening(
      createServer((request, response) => {
        const { pathname } = new URL(request.url ?? "/", "http://pages.invalid");
        const [, look = "", tag = "", name = ""] = pathname.split("/");
        const [page, language] = [gallery().get(name), languages.find((one) => one.tag === tag)];
        const at = looks[Number(look)];
        if (page === undefined || language === undefined || at === undefined)
          return response.writeHead(404).end();
        response.writeHead(page.status, { ...at.headers(page), "content-type": "text/html; charset=utf-8" });
        return response.end(at.render(page, language));
      }),
    );
  });
  afterAll(() => host?.close());

  const open = (page: Page, look: number, tag: string, name: string) =>
    page.goto(`${host.url}/${look}/${tag}/${name}`, { waitUntil: "load" });

  it("fit a phone and a desktop in every language", async () => {
    const page = await (await browser.newContext()).newPage();
    const all = languages.flatMap((language) =>
      [...gallery()].flatMap(([name, each]) =>
        (language.tag === "en" ? [390, 1280] : [390]).map((width) => ({
          name: `${language.tag} ${name} ${width}`,
          width,
          html: looks[1]?.render(each, language) ?? "",
        })),
      ),
    );
    // A frame each, because a navigation each would take half a minute.
    const wide = await page.evaluate(async (pages) => {
      const overhangs = pages.map(async ({ name, width, html }) => {
        const frame = document.createElement("iframe");
        Object.assign(frame, { width, height: 740, srcdoc: html });
        const loaded = new Promise((resolve) => frame.addEventListener("load", resolve));
        document.body.append(frame);
        await loaded;
        const { scrollWidth, clientWidth } = frame.contentDocument?.documentElement ?? {};
        frame.remove();
        return { name, scrollWidth, clientWidth, width };
      });
      return Promise.all(overhangs);
    }, all);
    expect(wide.length).toBeGreaterThan(150);
    // A page that is longer than the frame has a scroll bar in it.
    expect(wide.filter(({ scrollWidth, clientWidth }) => scrollWidth !== clientWidth)).toEqual([]);
  });

  it.each([
    [
      390,
      "light",
      1,
      [
        ...["link", "signed-in", "code", "connections", "disconnect", "wrong_account", "admin_needed"],
        ...["open", "open-foreign", "open-long", "connections-reopen"],
      ],
    ],
    [1280, "dark", 1, ["link", "code", "connections", "disconnect", "wrong_account", "open-foreign"]],
    [390, "dark", 0, ["link", "code", "open", "open-foreign"]],
    [1280, "light", 0, ["link", "code", "open", "open-long"]],
  ] as const)(
    "have nothing that axe finds, at %i pixels, %s, with look %i",
    async (width, colorScheme, look, layouts) => {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 740 } });
      const page = await context.newPage();
      page.on(
        "console",
        (message) => void (message.text().startsWith("Failed to load") || faults.push(message.text())),
      );
      const some =
        look === 1 && width === 390 ? languages.map(({ tag }, n) => [tag, layouts[n + 1]] as const) : [];
      for (const [tag, name] of [...layouts.map((one) => ["en", one] as const), ...some]) {
        await open(page, look, tag, name ?? "code");
        expect([tag, name, await findings(page)]).toEqual([tag, name, []]);
        expect(await overhang(page)).toBe(0);
      }
      await context.close();
      expect(faults).toEqual([]);
    },
  );

  it("name their language and turn with it", async () => {
    const page = await phone();
    await open(page, 1, "ar", "code");
    const facts = await page.evaluate(() => ({
      lang: document.documentElement.lang,
      turned: getComputedStyle(document.body).direction,
      warning: getComputedStyle(document.querySelector(".warning") as Element).borderRightWidth,
      code: getComputedStyle(document.querySelector("output") as Element).direction,
    }));
    expect(facts).toEqual({ lang: "ar", turned: "rtl", warning: "4px", code: "ltr" });
  });
});

describe("the code page", () => {
  it("copies the code with the keyboard, counts its time down, and says when it is over", async () => {
    const page = await phone();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.clock.install();
    await signIn(page, await linkFor(platformContext("copied")), "Ada");
    const code = (await page.getByLabel("Your code").innerText()).trim();
    expect(await page.getByRole("timer").innerText()).toMatch(/^Time left: (?:5:00|4:5\d)$/);
    await tabTo(page, "Copy the code");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Copied" }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code);
    await page.clock.fastForward("04:00");
    await page.getByRole("button", { name: "Copy the code" }).waitFor();
    expect(await page.getByRole("timer").innerText()).toMatch(/^Time left: (?:1:00|0:5\d)$/);
    await page.clock.fastForward("01:01");
    expect(await page.getByRole("alert").innerText()).toContain("This code has expired.");
    expect(await page.getByLabel("Your code").isVisible()).toBe(false);
    expect(await seen(page)).toBe(codeTitle);
  });

  it("works without JavaScript", async () => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    contexts.push(context);
    const page = await context.newPage();
    await signIn(page, await linkFor(platformContext("plain")), "Bob");
    expect(await page.locator("output").innerText()).toMatch(/^[A-Z2-7]{3}-[A-Z2-7]{3}-[A-Z2-7]{3}$/);
    expect(await page.getByRole("button").count()).toBe(0);
    expect(await page.locator("main").innerText()).toMatch(/The code works once, for 5 minutes\./);
  });
});
