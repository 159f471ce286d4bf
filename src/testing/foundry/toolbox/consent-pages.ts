import { html, redirect } from "../../entra/http.js";
import { messagePage } from "../../entra/pages.js";
import type { Exchange, Handled } from "../exchange.js";
import type { ConsentLink } from "./consents.js";
import { authorizeUrl, redeemCode } from "./oauth.js";

/** `/login?data=…`: where a consent link leads. Sends the person to sign in. */
export async function openConsentLink({ state, url }: Exchange): Promise<Handled> {
  const link = state.consents.byId(url.searchParams.get("data") ?? "");
  if (link === undefined || link.used || link.expiresAt <= state.now()) return gone();
  const { auth } = link.source.options;
  return auth.type === "oauth2" ? redirect(authorizeUrl(state, auth, link.state)) : gone();
}

/** `/redirect?code=…&state=…`: the person comes back; Foundry keeps the grant. */
export async function completeConsent({ state, url }: Exchange): Promise<Handled> {
  const link = state.consents.byState(url.searchParams.get("state") ?? "");
  const code = url.searchParams.get("code");
  if (link === undefined || link.used || link.expiresAt <= state.now()) return gone();
  const { auth, name } = link.source.options;
  if (auth.type !== "oauth2") return gone();
  if (code === null) {
    return html(400, messagePage("Not connected", `${name} was not connected: you did not agree.`));
  }
  link.used = true;
  const redeemed = await redeemCode(state, auth, code);
  if (redeemed === undefined || !isWhoAsked(link, redeemed.account)) return codeNotFound(link);
  const { account, ...tokens } = redeemed;
  const { userId } = link.person;
  const oid = typeof account.oid === "string" ? account.oid : undefined;
  state.consents.keep({ userId, connection: link.source.connection, oid, ...tokens });
  return html(200, messagePage("Connected", `${name} is connected. You may close this window.`));
}

/** Where the platform knows who has to sign in, nobody else's sign-in counts. */
function isWhoAsked(
  { person }: ConsentLink,
  account: { readonly tid: unknown; readonly oid: unknown },
): boolean {
  return (
    person.account === undefined || (person.account.tid === account.tid && person.account.oid === account.oid)
  );
}

/** Source: agent-framework issue 8379: a link that was made for the container ends here. */
function codeNotFound({ id }: ConsentLink): Handled {
  const text = `Something went wrong while authenticating. Error: Code ${id.slice(0, 8)} not found.`;
  return html(400, messagePage("Something went wrong", text));
}

function gone(): Handled {
  return html(404, messagePage("Link expired", "This link cannot be used any more. Ask the agent again."));
}
