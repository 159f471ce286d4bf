/** A browser without a screen: cookies, redirects and forms, for `--once`. */
export interface PageAt {
  readonly url: URL;
  readonly status: number;
  readonly html: string;
}

export interface Visitor {
  visit(url: string | URL): Promise<PageAt>;
  /** Sends a form, with the fields its page gave it and what the visitor filled in. */
  submit(page: PageAt, form: HtmlForm, filled?: Record<string, string>): Promise<PageAt>;
  /** A request of the page's own script: no redirects are followed. */
  script(url: string | URL, init: RequestInit): Promise<Response>;
}

export interface HtmlForm {
  readonly action: string;
  readonly method: string;
  readonly fields: Readonly<Record<string, string>>;
  /** The buttons: name, value and what they say. */
  readonly buttons: readonly { readonly name: string; readonly value: string; readonly text: string }[];
}

export function createVisitor(): Visitor {
  // Cookies know hosts and no ports, like a browser's.
  const jar = new Map<string, Map<string, string>>();

  async function send(url: URL, init: RequestInit): Promise<Response> {
    const cookies = jar.get(url.hostname) ?? new Map<string, string>();
    jar.set(url.hostname, cookies);
    const headers = new Headers(init.headers);
    if (cookies.size > 0) headers.set("cookie", [...cookies].map((pair) => pair.join("=")).join("; "));
    const response = await fetch(url, { ...init, headers, redirect: "manual" });
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = "", ...attributes] = cookie.split(";");
      const [name = "", ...value] = pair.split("=");
      const gone = attributes.some((one) => /^\s*(max-age=0|expires=thu, 01 jan 1970)/i.test(one));
      if (gone) cookies.delete(name.trim());
      else cookies.set(name.trim(), value.join("="));
    }
    return response;
  }

  async function open(url: URL, init: RequestInit): Promise<PageAt> {
    let at = url;
    let response = await send(at, init);
    for (let hops = 0; hops < 10; hops += 1) {
      const location = response.headers.get("location");
      if (location === null) return { url: at, status: response.status, html: await response.text() };
      await response.body?.cancel();
      at = new URL(location, at);
      response = await send(at, {});
    }
    throw new Error(`Too many redirects from ${url.origin}${url.pathname}.`);
  }

  return {
    visit: (url) => open(new URL(url), {}),
    submit(page, form, filled = {}) {
      const action = new URL(form.action, page.url);
      const fields = new URLSearchParams({ ...form.fields, ...filled });
      if (form.method !== "post") return open(new URL(`?${fields.toString()}`, action), {});
      const headers = { "content-type": "application/x-www-form-urlencoded", origin: page.url.origin };
      return open(action, { method: "POST", headers, body: fields.toString() });
    },
    script: (url, init) => send(new URL(url), init),
  };
}

/**
 * Opens a link and presses what says one of these, the first of them first, page after page, until a page has
 * nothing of the kind or is the one that was wanted. Returns the last page.
 */
export async function pressThrough(
  visitor: Visitor,
  link: string,
  labels: readonly string[],
  wanted: (html: string) => unknown = () => undefined,
): Promise<PageAt> {
  let page = await visitor.visit(link);
  for (let pages = 0; pages < 6 && wanted(page.html) === undefined; pages += 1) {
    const choices = formsOf(page.html).flatMap((form) => form.buttons.map((button) => ({ form, button })));
    const choice = labels
      .map((label) => choices.find(({ button }) => button.text.toLowerCase().includes(label.toLowerCase())))
      .find((one) => one !== undefined);
    if (choice === undefined) break;
    const { form, button } = choice;
    page = await visitor.submit(page, form, button.name === "" ? {} : { [button.name]: button.value });
  }
  return page;
}

/** The forms of a page. Enough for pages that are written plainly; no parser for the web. */
export function formsOf(html: string): HtmlForm[] {
  return [...html.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, attributes = "", body = ""]) => ({
    action: attribute(attributes, "action") ?? "",
    method: (attribute(attributes, "method") ?? "get").toLowerCase(),
    fields: Object.fromEntries(
      [...body.matchAll(/<input\b([^>]*)>/gi)]
        .map(([, input = ""]) => [attribute(input, "name") ?? "", attribute(input, "value") ?? ""])
        .filter(([name]) => name !== ""),
    ),
    buttons: [...body.matchAll(/<button\b([^>]*)>([\s\S]*?)<\/button>/gi)].map(
      ([, button = "", text = ""]) => ({
        name: attribute(button, "name") ?? "",
        value: attribute(button, "value") ?? "",
        text: unescapeHtml(text.replace(/<[^>]*>/g, " "))
          .replace(/\s+/g, " ")
          .trim(),
      }),
    ),
  }));
}

function attribute(tag: string, name: string): string | undefined {
  const value = new RegExp(`\\b${name}="([^"]*)"`, "i").exec(tag)?.[1];
  return value === undefined ? undefined : unescapeHtml(value);
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  "#39": "'",
  "#x27": "'",
};

function unescapeHtml(text: string): string {
  return text.replace(/&([a-z0-9#]+);/gi, (whole, name: string) => entities[name.toLowerCase()] ?? whole);
}
