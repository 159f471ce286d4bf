import { HostedAgentIdentityError } from "../../errors.js";
import type { Fetch } from "./state.js";

const maxSteps = 12;

/**
 * Does what a person does in a browser with a consent link: signs in and agrees. There are no passwords at the
 * emulator of Entra. Throws `invalid_option` when it does not end on "Connected".
 */
export async function giveConsent(fetch: Fetch, link: string, oid: string): Promise<void> {
  const cookies = new Map<string, string>();
  let url = new URL(link);
  let init: RequestInit = {};
  for (let step = 0; step < maxSteps; step++) {
    const jar = cookies.get(url.origin);
    const headers: Record<string, string> = jar === undefined ? {} : { cookie: jar };
    const response = await fetch(url, { ...init, redirect: "manual", headers });
    const cookie = response.headers.get("set-cookie")?.split(";")[0];
    if (cookie !== undefined) cookies.set(url.origin, cookie);
    const page = await response.text();
    const location = response.headers.get("location");
    if (location !== null) {
      url = new URL(location, url);
      init = {};
      continue;
    }
    const title = /<h1>(.*?)<\/h1>/.exec(page)?.[1] ?? "";
    if (title === "Connected") return;
    const pressed = buttons[title];
    const action = /action="([^"]+)"/.exec(page)?.[1];
    const ctx = /name="ctx" value="([^"]+)"/.exec(page)?.[1];
    if (pressed === undefined || action === undefined || ctx === undefined) throw ended(title);
    url = new URL(action, url);
    init = { method: "POST", body: new URLSearchParams({ ctx, ...pressed(oid) }) };
  }
  throw ended("");
}

/** What is pressed on which page of Entra. */
const buttons: Readonly<Record<string, (oid: string) => Record<string, string>>> = {
  "Pick an account": (oid) => ({ account: oid }),
  "Permissions requested": () => ({ consent: "accept" }),
  "Approve sign in request": () => ({ approve: "yes" }),
};

function ended(title: string): HostedAgentIdentityError {
  return new HostedAgentIdentityError(
    "invalid_option",
    `giveConsent: it ended on the page ${JSON.stringify(title)} instead of "Connected".`,
  );
}
