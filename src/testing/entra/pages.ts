import type { Account, EntraApp } from "./directory-objects.js";

/** What every form of a flow sends back to. */
export interface PageForm {
  /** Path the form is posted to. */
  readonly action: string;
  /** The flow's id. */
  readonly ctx: string;
}

/** Choosing an account is signing in: the emulator knows no passwords. */
export function accountPicker(
  form: PageForm,
  app: EntraApp,
  accounts: readonly { readonly account: Account; readonly signedIn: boolean }[],
): string {
  const choices = accounts.map(
    ({ account: { user, oid }, signedIn }, index) => `
      <li><button class="account" name="account" value="${escape(oid)}"${index === 0 ? " autofocus" : ""}>
        <strong>${escape(user.name)}</strong> <span>${escape(user.upn)}</span>${signedIn ? " <em>Signed in</em>" : ""}
      </button></li>`,
  );
  return page(
    "Pick an account",
    `<p>to continue to <strong>${escape(app.name)}</strong></p>
    ${formOf(form, `<ul>${choices.join("")}</ul>${cancelButton("Cancel")}`)}`,
  );
}

/** The second factor. */
export function approvalPage(form: PageForm, account: Account): string {
  return page(
    "Approve sign in request",
    `<p>Your organization needs more proof that you are <strong>${escape(account.user.upn)}</strong>.</p>
    ${formOf(form, `<button class="primary" name="approve" value="yes" autofocus>Approve</button>${cancelButton("Cancel")}`)}`,
  );
}

/** What an app wants to do in the person's name. */
export function consentPage(
  form: PageForm,
  app: EntraApp,
  account: Account,
  permissions: readonly string[],
  offer: "person" | "organization",
): string {
  const everybody =
    offer === "organization"
      ? `<p><label><input type="checkbox" name="everybody" value="yes"> Consent on behalf of your organization</label></p>`
      : "";
  return page(
    "Permissions requested",
    `<p>${escape(account.user.upn)}</p>
    <p><strong>${escape(app.name)}</strong> would like to:</p>
    <ul class="permissions">${permissions.map((one) => `<li>${escape(one)}</li>`).join("")}</ul>
    ${formOf(form, `${everybody}<button class="primary" name="consent" value="accept" autofocus>Accept</button>${cancelButton("Cancel")}`)}`,
  );
}

/** Shown to a person whose consent would not be enough. */
export function needAdminPage(form: PageForm, app: EntraApp, account: Account): string {
  return page(
    "Need admin approval",
    `<p>${escape(account.user.upn)}</p>
    <p><strong>${escape(app.name)}</strong> needs permission to access resources in your organization that only an
    admin can grant. Please ask an admin to grant permission to this app before you can use it.</p>
    ${formOf(form, cancelButton("Return to the application without granting consent"))}`,
  );
}

/** Lets an administrator answer for everybody. */
export function adminConsentPage(
  form: PageForm,
  app: EntraApp,
  admins: readonly Account[],
  permissions: readonly string[],
): string {
  const choices = admins.map(
    ({ user, oid }) =>
      `<button class="primary" name="account" value="${escape(oid)}">Accept as ${escape(user.name)}</button>`,
  );
  return page(
    "Permissions requested",
    `<p><strong>Review for your organization</strong></p>
    <p><strong>${escape(app.name)}</strong> would like to:</p>
    <ul class="permissions">${permissions.map((one) => `<li>${escape(one)}</li>`).join("")}</ul>
    ${admins.length === 0 ? "<p>This tenant has no administrator.</p>" : ""}
    ${formOf(form, `${choices.join(" ")}${cancelButton("Cancel")}`)}`,
  );
}

/** `response_mode=form_post`: the answer travels in a form that sends itself. */
export function formPostPage(redirectUri: string, params: URLSearchParams): string {
  const fields = [...params].map(
    ([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`,
  );
  return page(
    "Working…",
    `<form method="post" action="${escape(redirectUri)}">${fields.join("")}<button>Continue</button></form>
    <script>document.forms[0].submit()</script>`,
  );
}

/** Something went wrong in a way that no app may be told by a redirect. */
export function errorPage(lines: readonly string[]): string {
  return page(
    "Sign in",
    `<p>Sorry, but we’re having trouble signing you in.</p>
    ${lines.map((line) => `<p class="error">${escape(line)}</p>`).join("")}`,
  );
}

/** A page that only says something. */
export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escape(text)}</p>`);
}

function formOf({ action, ctx }: PageForm, content: string): string {
  return `<form method="post" action="${escape(action)}"><input type="hidden" name="ctx" value="${escape(ctx)}">${content}</form>`;
}

function cancelButton(label: string): string {
  return `<p><button class="quiet" name="cancel" value="yes">${escape(label)}</button></p>`;
}

const style = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#f3f2f1, #1b1a19) }
  main { box-sizing: border-box; width: min(27rem, 100vw); padding: 2rem; background: light-dark(#fff, #292827); overflow-wrap: anywhere }
  h1 { font-size: 1.4rem; margin: 0 0 .5rem } ul { list-style: none; padding: 0 } .permissions { list-style: disc; padding-left: 1.2rem }
  button { font: inherit; padding: .6rem 1rem; border: 1px solid light-dark(#8a8886, #979593); background: none; color: inherit; cursor: pointer }
  button:focus-visible { outline: 3px solid light-dark(#0f6cbd, #62abf5); outline-offset: 2px }
  .account { width: 100%; text-align: left; margin-bottom: .5rem } .account span { display: block }
  .primary { background: #0f6cbd; border-color: #0f6cbd; color: #fff }`;

function page(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} · Entra emulator</title><style>${style}</style></head>
<body><main><h1>${escape(title)}</h1>${content}</main></body>
</html>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
