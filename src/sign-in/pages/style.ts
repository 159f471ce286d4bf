/** What text stands on: the page and the card, in both schemes. Colors of a branding are checked against them. */
export const surfaces: { readonly light: readonly string[]; readonly dark: readonly string[] } = {
  light: ["#ffffff", "#f3f4f6"],
  dark: ["#1c1f23", "#121417"],
};

/** One style for all pages: no font, nothing that is fetched. Contrast is at least 4.5 to 1. */
export const style = `
:root { color-scheme: light dark; --page: #f3f4f6; --card: #ffffff; --text: #1a1d21; --quiet: #555b63; --line: #d5d9de;
  --accent: #0b5cad; --on-accent: #ffffff; --good: #0b6a3f; --bad: #a1260d; --tint: #f0f2f5; }
@media (prefers-color-scheme: dark) { :root { --page: #121417; --card: #1c1f23; --text: #eceef0; --quiet: #a9b0b8;
  --line: #3a4047; --accent: #7db7f5; --on-accent: #0a1420; --good: #6fd3a1; --bad: #ff9d86; --tint: #262a2f; } }
*, *::before { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: var(--page); color: var(--text); }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; justify-content: center; padding: 1rem; }
main { width: 100%; max-width: 30rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem;
  padding: clamp(1.25rem, 6vw, 2.25rem); overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .75rem; text-wrap: balance; }
p { margin: 0 0 1rem; } p:empty { margin: 0; } main > :last-child { margin-bottom: 0; }
.mark { width: 2.5rem; height: 2.5rem; border-radius: 50%; display: grid; place-items: center; margin: 0 0 1rem;
  font-size: 1.25rem; font-weight: 700; border: 2px solid currentColor; color: var(--accent); }
.mark.good { color: var(--good); } .mark.bad { color: var(--bad); }
.brand, footer { width: 100%; max-width: 30rem; padding: 0 .25rem; display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; }
.brand { margin: 0 0 1rem; font-weight: 600; overflow-wrap: anywhere; } .brand img { height: 2.5rem; max-width: 60%; object-fit: contain; }
footer { margin: 1rem 0 0; font-size: .875rem; } footer a { color: var(--quiet); padding: .25rem 0; }
main.wide, .brand.wide, footer.wide { max-width: 42rem; }
h2 { font-size: 1.0625rem; margin: 0; }
dl { margin: 0 0 1.25rem; padding: .25rem 1rem; background: var(--tint); border-radius: .5rem; }
dl div { padding: .6rem 0; } dl div + div { border-top: 1px solid var(--line); }
dt { color: var(--quiet); font-size: .875rem; } dd { margin: 0; font-weight: 600; }
dd small, .quiet { color: var(--quiet); font-weight: 400; font-size: .875rem; }
.code { display: block; font: 700 clamp(1.5rem, 8.5vw, 2.25rem)/1.3 ui-monospace, SFMono-Regular, Consolas, monospace;
  letter-spacing: .04em; text-align: center; padding: 1rem .25rem; margin: 0 0 1rem; border: 2px dashed var(--accent);
  border-radius: .5rem; overflow-wrap: normal; white-space: nowrap; user-select: all; }
.warning { border-inline-start: .25rem solid var(--bad); padding: .25rem 0; padding-inline-start: .9rem; font-weight: 600; }
.button, button { display: inline-block; font: inherit; font-weight: 600; padding: .7rem 1.25rem; border-radius: .5rem; cursor: pointer;
  border: 2px solid var(--accent); background: none; color: var(--accent); text-decoration: none; text-align: center; }
.danger { border-color: var(--bad); color: var(--bad); }
.button.primary, button.primary { background: var(--accent); color: var(--on-accent); } button.danger.primary { background: var(--bad); } [hidden] { display: none; }
a { color: var(--accent); } a:focus-visible, button:focus-visible { outline: 3px solid var(--text); outline-offset: 3px; }
form { margin: 0 0 1rem; } ul.list { list-style: none; margin: 0 0 1.25rem; padding: 0; }
ul.list > li { border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; } ul.list > li + li { margin-top: .75rem; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: .9rem 0 0; } .row form { margin: 0; }
.row.wide { margin: 0 0 1rem; } .row.wide > * { flex: 1 1 auto; } .row.wide button { width: 100%; }
li .row button, button.small { padding: .45rem .9rem; border-width: 1px; }
@media (forced-colors: active) { .code, main { border-color: CanvasText; } }
`;
