import { removePin } from "../grants/pin.js";
import { nameOf } from "../binding/redeemed.js";
import type { Account, Grant } from "../grants/grant.js";
import { ownerProof } from "../grants/grant-owner.js";
import { isSame } from "../grants/record-changes.js";
import {
  connectionsPage,
  connectionsSignInPage,
  disconnectPage,
  type Connection,
  type ConnectionsNote,
} from "../pages/connections-page.js";
import type { SignInInternals } from "../sign-in-internals.js";
import { signOutOf } from "../sign-out.js";
import { beginAttempt } from "./attempt.js";
import { browserOf, formToken, newBrowser, openFormToken, type Browser } from "./browser.js";
import { refusedPage } from "./outcome.js";
import { formOf, one, type Reply } from "./replies.js";
import { tenantOf } from "./start.js";
import { signInUrls } from "../link/urls.js";

const notes: readonly ConnectionsNote[] = ["disconnected", "changed", "gone", "reopen"];

/** `GET /connections`: what is connected with the account that has signed in in this browser. */
export async function showConnections(service: SignInInternals, request: Request): Promise<Reply> {
  const { core } = service;
  const urls = signInUrls(core.publicUrl);
  const known = browserOf(core, request);
  if (known?.account === undefined) {
    const browser = known ?? newBrowser(core);
    const page = connectionsSignInPage(
      urls.connectionsSignIn,
      formToken(core, browser, "connections", "sign-in"),
    );
    return { page, browser: known === undefined ? browser : undefined };
  }
  const page = connectionsPage({
    username: nameOf(known.account),
    connections: await connectionsOf(service, known, known.account),
    now: core.now(),
    actions: { end: urls.connectionsEnd, leave: urls.connectionsLeave },
    formToken: formToken(core, known, "connections", "leave"),
    links:
      accountLinks[core.app.facts.cloud.loginEndpoint] ?? accountLinks["https://login.microsoftonline.com"],
    note: noteOf(new URL(request.url).searchParams.get("note") ?? ""),
  });
  return { page };
}

function noteOf(name: string): ConnectionsNote | undefined {
  return notes.find((note) => note === name);
}

/** Where people withdraw what they consented to. China's cloud has addresses of its own, too. */
const accountLinks: Readonly<Record<string, { readonly apps: string; readonly account: string }>> = {
  "https://login.microsoftonline.com": {
    apps: "https://myapps.microsoft.com",
    account: "https://myaccount.microsoft.com",
  },
  "https://login.microsoftonline.us": {
    apps: "https://myapps.microsoft.us",
    account: "https://myaccount.microsoft.us",
  },
};

async function connectionsOf(
  service: SignInInternals,
  browser: Browser,
  account: Account,
): Promise<readonly Connection[]> {
  const { core, linkKeys } = service;
  const found: Connection[] = [];
  for (const agent of linkKeys.agents.keys()) {
    const grants = service.grantsOf(agent);
    for (const owner of await grants.principalsOf(account)) {
      const grant = await grants.find(owner);
      if (grant === undefined || !isSame(grant.account, account)) continue;
      found.push({
        agent,
        serverLabels: labelsOf(service, grant),
        since: grant.signedInAt,
        until: grant.until,
        canChangeAccount: ownerProof(owner)?.by === "code",
        token: formToken(core, browser, "connection", [agent, owner]),
      });
    }
  }
  return found.sort((a, b) => b.since - a.since);
}

function labelsOf({ core }: SignInInternals, grant: Grant): readonly string[] {
  return core.resources.filter(({ url }) => grant.resources.includes(url)).map((one) => one.serverLabel);
}

/** `POST /connections/sign-in`: to Entra, only to learn who is there. */
export async function signInForConnections(service: SignInInternals, request: Request): Promise<Reply> {
  const checked = await checkedForm(service, request, "connections");
  if ("page" in checked || checked.value !== "sign-in") return refusedForm(service, checked);
  const tenantId = await tenantOf(service, undefined);
  const begun = beginAttempt(service.core, checked.browser, request, { tenantId, scopes: [] });
  return begun ?? { page: refusedPage(service, { kind: "trouble" }) };
}

/** `POST /connections/leave`: this browser forgets who signed in. */
export async function leaveConnections(service: SignInInternals, request: Request): Promise<Reply> {
  const checked = await checkedForm(service, request, "connections");
  if ("page" in checked || checked.value !== "leave") return refusedForm(service, checked);
  return { redirect: signInUrls(service.core.publicUrl).connections(), browser: { id: checked.browser.id } };
}

/**
 * `POST /connections/end`: says what it will do, and with `sure` disconnects. Unpins as well where another account is to
 * be used. Only what is this account's.
 */
export async function endConnection(service: SignInInternals, request: Request): Promise<Reply> {
  const checked = await checkedForm(service, request, "connection");
  if ("page" in checked) return checked;
  const { browser, form, value } = checked;
  const urls = signInUrls(service.core.publicUrl);
  const [agent, owner] = Array.isArray(value) ? (value as readonly unknown[]) : [];
  if (typeof agent !== "string" || typeof owner !== "string") return refusedForm(service, checked);
  if (browser.account === undefined) return { redirect: urls.connections() };
  const grants = service.grantsOf(agent);
  const grant = await grants.find(owner);
  if (grant === undefined || !isSame(grant.account, browser.account))
    return { redirect: urls.connections("gone") };
  const change = form.get("act") === "changeAccount";
  if (form.get("sure") !== "yes")
    return {
      page: disconnectPage({
        connection: {
          agent,
          serverLabels: labelsOf(service, grant),
          until: grant.until,
          token: one(form, "c") ?? "",
        },
        username: nameOf(grant.account),
        change,
        action: urls.connectionsEnd,
        back: urls.connections(),
      }),
    };
  const core = service.coreOf(agent);
  await signOutOf(core, grants, owner);
  if (!change) return { redirect: urls.connections("disconnected") };
  await removePin(core, owner);
  return { redirect: urls.connections("changed") };
}

interface CheckedForm {
  readonly browser: Browser;
  readonly form: URLSearchParams;
  readonly value: unknown;
}

async function checkedForm(
  service: SignInInternals,
  request: Request,
  name: "connections" | "connection",
): Promise<CheckedForm | (Reply & { readonly page: unknown })> {
  const { core } = service;
  const form = (await formOf(request)) ?? new URLSearchParams();
  const browser = browserOf(core, request);
  if (browser === undefined) return { page: refusedPage(service, { kind: "other_browser" }) };
  const token = openFormToken(core, browser, name, one(form, name === "connection" ? "c" : "f") ?? "");
  if (token === undefined) return { page: refusedPage(service, { kind: "other_tab" }) };
  return { browser, form, value: token.value };
}

function refusedForm(service: SignInInternals, checked: CheckedForm | Reply): Reply {
  return "page" in checked ? checked : { page: refusedPage(service, { kind: "other_tab" }) };
}
