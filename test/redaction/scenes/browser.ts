import type { Page } from "playwright-core";
import { launchChromium } from "../../support/chromium.js";
import { secret, shown } from "../recorder.js";
import { linkSecrets, secretsOfCookies, secretsOfReply } from "../secrets-on-the-wire.js";

/** A page in a browser of its own, and everything about it that can be looked at. */
export interface WatchedPage {
  readonly page: Page;
  /** Notes what the page, or a tab it has opened, shows and keeps now. */
  look(tab?: Page): Promise<void>;
  /** Looks once more, and closes the browser. */
  close(): Promise<void>;
}

/** One for all scenes; it ends with the process. */
let browser: ReturnType<typeof launchChromium> | undefined;

export async function watchedPage(name: string, entra = ""): Promise<WatchedPage> {
  const context = await (await (browser ??= launchChromium())).newContext();
  context.setDefaultTimeout(20_000);
  context.on("console", (message) => shown("browser console", message.text(), name));
  context.on("weberror", (error) => shown("browser console", String(error.error()), name));
  context.on("request", (request) => {
    if (request.isNavigationRequest()) secret(...linkSecrets(request.url()));
    const from = request.headers()["referer"];
    if (from !== undefined) shown("referrer", from, `${name}, to ${placeOf(request.url())}`);
  });
  context.on("response", (response) => {
    const { location } = response.headers();
    if (location !== undefined) secret(...linkSecrets(new URL(location, response.url()).href));
  });
  const page = await context.newPage();

  /** The origin's part of a place: its port differs from run to run. */
  function placeOf(url: string): string {
    if (!URL.canParse(url)) return "nowhere";
    const { origin, pathname } = new URL(url);
    return `${origin === entra ? "Entra" : "ours"} ${pathname}`;
  }

  async function look(tab: Page = page): Promise<void> {
    const place = placeOf(tab.url());
    const html = await tab.content();
    secret(...secretsOfReply(html));
    shown("page", html, `${name}: ${place}`);
    const kept = await tab.evaluate(async () =>
      JSON.stringify([
        { ...localStorage },
        { ...sessionStorage },
        document.cookie,
        history.state,
        await Promise.all(
          (await caches.keys()).map(async (cache) =>
            (await (await caches.open(cache)).keys()).map(({ url }) => url),
          ),
        ),
        await indexedDB.databases(),
      ]),
    );
    shown("browser storage", kept, `${name}: ${place}`);
    const cookies = (await context.cookies()).map(({ name: cookie, value }) => `${cookie}=${value}`);
    secret(...secretsOfCookies(cookies));
    shown("browser cookies", cookies.join("\n"), name);
    const devtools = await context.newCDPSession(tab);
    const { entries } = await devtools.send("Page.getNavigationHistory");
    await devtools.detach();
    for (const { url, userTypedURL, title } of entries) {
      shown("browser history", `${url}\n${title}`, `${name}: ${placeOf(url)}`);
      // What led there, before it redirected.
      if (userTypedURL !== url)
        shown(
          "browser history",
          userTypedURL,
          `${name}: on the way to ${placeOf(url)}, ${placeOf(userTypedURL)}`,
        );
    }
  }

  return {
    page,
    look,
    async close() {
      await look();
      await context.close();
    },
  };
}
