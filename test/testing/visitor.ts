/** A browser for tests: keeps cookies, reads the emulator's pages, presses their buttons. */
export interface Visitor {
  /** Opens a page; redirects within the emulator are followed, one that leaves it is returned. */
  open(url: string): Promise<Visit>;
  /** Sends the form of the page that is open, with one of its buttons (and other fields). */
  press(fields: Record<string, string>): Promise<Visit>;
}

export interface Visit {
  readonly status: number;
  readonly title: string;
  readonly html: string;
  readonly headers: Headers;
  /** Where the person was sent, if that is outside. */
  readonly location: URL | undefined;
}

export function visitor(origin: string): Visitor {
  let cookie = "";
  let last: { html: string; url: string } | undefined;
  const visit = async (url: string, init: RequestInit = {}): Promise<Visit> => {
    const response = await fetch(url, {
      ...init,
      redirect: "manual",
      headers: cookie === "" ? {} : { cookie },
    });
    cookie = response.headers.get("set-cookie")?.split(";")[0] ?? cookie;
    const html = await response.text();
    last = { html, url };
    const target = response.headers.get("location");
    return {
      status: response.status,
      title: /<h1>(.*?)<\/h1>/.exec(html)?.[1] ?? "",
      html,
      headers: response.headers,
      location: target === null ? undefined : new URL(target),
    };
  };
  return {
    open: (url) => visit(url),
    press: async (fields) => {
      const action = /action="([^"]+)"/.exec(last?.html ?? "")?.[1];
      const ctx = /name="ctx" value="([^"]+)"/.exec(last?.html ?? "")?.[1];
      if (action === undefined || ctx === undefined) throw new Error("The page has no form.");
      return visit(`${origin}${action}`, { method: "POST", body: new URLSearchParams({ ctx, ...fields }) });
    },
  };
}

/** Signs in and consents if asked; returns the parameters of the redirect. */
export async function signInAs(
  origin: string,
  authorizeUrl: string,
  oid: string,
  browser: Visitor = visitor(origin),
): Promise<URLSearchParams> {
  let page = await browser.open(authorizeUrl);
  for (let step = 0; page.location === undefined && step < 5; step++) {
    if (page.title === "Pick an account") page = await browser.press({ account: oid });
    else if (page.title === "Permissions requested") page = await browser.press({ consent: "accept" });
    else if (page.title === "Approve sign in request") page = await browser.press({ approve: "yes" });
    else throw new Error(`Unexpected page: ${page.title}`);
  }
  return page.location?.searchParams ?? new URLSearchParams();
}
