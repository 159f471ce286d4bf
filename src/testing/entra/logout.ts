import type { EntraCall } from "./call.js";
import { html, redirect, type Reply } from "./http.js";
import { messagePage } from "./pages.js";
import { forget } from "./sessions.js";

/** Signs the browser out. A redirect goes only to a URI that some app registered. */
export function logout({ state, request, params }: EntraCall): Reply {
  forget(state, request);
  const target = params.get("post_logout_redirect_uri");
  const registered = state.directory.apps.some((app) =>
    state.directory.additions(app).redirectUris.some(({ uri }) => uri === target),
  );
  if (target === null || !registered)
    return html(200, messagePage("You signed out of your account", "You may close this page."));
  const back = new URL(target);
  const given = params.get("state");
  if (given !== null) back.searchParams.set("state", given);
  return redirect(back.href);
}
