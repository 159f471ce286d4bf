import { byId, element, face } from "./dom.js";
import { watchHops } from "./hops.js";
import { ask } from "./turns.js";

const turns = byId("turns");
const question = byId("question");
const send = document.querySelector("#ask button[type=submit]");

// Entra's pages cut the tie to the window that opened them, so the landing page calls this channel.
const landings = new BroadcastChannel("consent");

/** What to do when a consent tab comes back; one entry for each open card. */
const waiting = new Map();
/** How many cards have asked for a code. */
let codeCards = 0;
let busy = false;
const usualPlaceholder = question.placeholder;
const withoutToken =
  "Without a token is how people come from the Foundry portal: the agent hears only the platform's id for them.";

const { user: me, accounts, hops } = await fetch("/api/me").then((response) => response.json());
const signedIn = me !== undefined;
// Only the demo has visitors as from the Foundry portal, whose requests bring no token.
const { visitor } = hops ? await fetch("/api/portal").then((response) => response.json()) : {};
showAccount();
if (signedIn && hops) {
  byId("hop-panel").hidden = false;
  watchHops();
}
if (!signedIn) turns.append(element("li", { class: "agent" }, signInCard()));
if (new URL(location).searchParams.get("problem") === "sign-in") {
  history.replaceState(null, "", "/");
  turns.append(element("li", { class: "agent" }, problem("The sign-in did not work. Please try again.")));
}

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (text === "" || busy) return;
  question.value = "";
  startTurn(text);
});
for (const example of document.querySelectorAll("#examples button")) {
  example.addEventListener("click", () => busy || startTurn(example.textContent));
}
landings.addEventListener("message", ({ data }) => {
  for (const goOn of [...waiting.values()]) goOn(data === "returned");
});

// A question that was typed before the sign-in is asked now, if it is still the same person.
const kept = JSON.parse(sessionStorage.getItem("question") ?? "null");
sessionStorage.removeItem("question");
if (signedIn && kept !== null && [undefined, me.oid].includes(kept.oid)) startTurn(kept.text);

function startTurn(text) {
  turns.append(element("li", { class: "own" }, element("span", { class: "unseen" }, "You: "), text));
  const item = element("li", { class: "agent" });
  turns.append(item);
  if (signedIn) run(item, text);
  else {
    keep(text);
    document.querySelector(".sign-in")?.closest("li").remove();
    item.append(signInCard("Sign in, and your question is asked right away."));
    item.querySelector("a").focus();
  }
}

/** One response of the agent, into `item`. After a consent card, the same question again. */
async function run(item, text, previousResponseId) {
  setBusy(true);
  expectCode(undefined);
  const answer = element("div", { class: "answer" });
  item.append(answer);
  item.setAttribute("aria-busy", "true");
  item.scrollIntoView({ block: "nearest" });
  let card;
  try {
    for await (const event of ask(text, previousResponseId)) {
      if (event.type === "text") answer.append(event.delta);
      if (event.type === "consent") card = visitor ? codeCard(event) : consentCard(item, text, event);
      if (event.type === "sign_in") card = visitor ? visitEndedCard() : signInAgainCard(text);
      if (event.type === "error") card = problem(event.message);
    }
  } catch {
    card = problem("The connection broke off. Please ask again.");
  }
  item.removeAttribute("aria-busy");
  if (card !== undefined) item.append(card);
  setBusy(false);
  say(card === undefined ? answer.textContent : (card.querySelector("h3") ?? card).textContent);
  (card?.querySelector("a, button") ?? question).focus();
  item.scrollIntoView({ block: "nearest" });
}

/** The consent item: what is asked, by whom, where the link leads, and how it goes on. */
function consentCard(item, text, { link, serverLabel, responseId }) {
  const note = element(
    "p",
    { class: "fine" },
    `Opens ${new URL(link).host} in a new tab. This page goes on by itself.`,
  );
  const card = element(
    "section",
    { class: "card", "aria-label": `Permission for ${serverLabel}` },
    element("h3", {}, `“${serverLabel}” needs your permission`),
    element(
      "p",
      {},
      `To answer, the agent has to call “${serverLabel}” as you. Allow that once, and your question is asked again.`,
    ),
    element(
      "div",
      { class: "actions" },
      element(
        "a",
        { class: "button main", href: link, target: "_blank", rel: "noopener noreferrer" },
        "Give permission",
      ),
      element("button", { type: "button" }, "I have given it"),
    ),
    note,
  );
  const goOn = (given) => {
    if (!given)
      return void (note.textContent =
        "You did not give permission, so nothing was done. You can still give it.");
    if (busy) return;
    waiting.delete(responseId);
    card.replaceWith(
      element("p", { class: "done" }, `You came back from giving “${serverLabel}” permission.`),
    );
    item.querySelector(".answer").remove();
    run(item, text, responseId);
  };
  waiting.set(responseId, goOn);
  card.querySelector("button").addEventListener("click", () => goOn(true));
  return card;
}

/** The sign-in of somebody whom nobody knows yet: the code of the page, typed here, says that it was them. */
function codeCard({ link, serverLabel }) {
  const what = element(
    "p",
    { id: `code-${++codeCards}` },
    "Sign in once in a new tab. The page then shows a code: type it here as your next message. Never give it to anybody else.",
  );
  const open = element(
    "a",
    { class: "button main", href: link, target: "_blank", rel: "noopener noreferrer" },
    "Sign in and get a code",
  );
  // Who comes back from the other tab has a code to type.
  open.addEventListener("click", () =>
    window.addEventListener("focus", () => question.focus(), { once: true }),
  );
  expectCode(what.id);
  return element(
    "section",
    { class: "card", "aria-label": `Sign-in for ${serverLabel}` },
    element("h3", {}, `“${serverLabel}” needs to know who you are`),
    what,
    element("div", { class: "actions" }, open),
    element(
      "p",
      { class: "fine" },
      `Opens ${new URL(link).host}. Your question is answered after the code, without typing it again.`,
    ),
  );
}

/** What the input is for: the code that the card with this text speaks of, or again any question. */
function expectCode(description) {
  const expected = description !== undefined;
  question.placeholder = expected ? "Type the code here" : usualPlaceholder;
  // A phone's keyboard must not correct a code.
  for (const [name, value] of [
    ["aria-describedby", description],
    ["autocapitalize", "characters"],
    ["autocorrect", "off"],
    ["spellcheck", "false"],
  ]) {
    if (expected) question.setAttribute(name, value);
    else question.removeAttribute(name);
  }
}

function signInCard(reason = "Each account sees only its own contacts.") {
  const offered = accounts.length > 0 ? accounts : [{ name: "Sign in" }];
  return element(
    "section",
    { class: "card sign-in", "aria-label": "Sign in" },
    element("h3", {}, "Sign in to begin"),
    element("p", {}, reason),
    element(
      "div",
      { class: "actions" },
      ...offered.map((account) => signInLink(account, "button main")),
      ...(hops ? [portalButton()] : []),
    ),
    ...(hops ? [element("p", { class: "fine" }, withoutToken)] : []),
  );
}

/** The third way in: as from the Foundry portal, where no caller can send a token along. */
function portalButton() {
  const button = element("button", { type: "button" }, "Come without a token");
  button.addEventListener("click", async () => {
    await fetch("/portal/enter", { method: "POST" });
    location.assign("/");
  });
  return button;
}

/** Nothing is kept for afterwards: what was typed may be a code, and another visit is another user. */
function visitEndedCard() {
  return element(
    "section",
    { class: "card", "aria-label": "Visit ended" },
    element("h3", {}, "Your visit has ended"),
    element("p", {}, "Come again, and sign in again: another visit is another user of the platform."),
    element("div", { class: "actions" }, portalButton()),
  );
}

function signInAgainCard(text) {
  keep(text, me.oid);
  return element(
    "section",
    { class: "card", "aria-label": "Sign in again" },
    element("h3", {}, "Please sign in again"),
    element(
      "p",
      {},
      "Your sign-in has run out or is not enough for this. Your question is asked again afterwards.",
    ),
    element("div", { class: "actions" }, signInLink(me, "button main")),
  );
}

function signInLink({ name, username }, kind) {
  const query = username === undefined ? "" : `?account=${encodeURIComponent(username)}`;
  return element(
    "a",
    { class: kind, href: `/auth/sign-in${query}` },
    username === undefined ? name : `Sign in as ${name}`,
  );
}

function showAccount() {
  if (!signedIn) return;
  const out = element("button", { type: "button" }, "Sign out");
  out.addEventListener("click", async () => {
    await fetch("/auth/sign-out", { method: "POST" });
    location.assign("/");
  });
  const others = visitor ? [] : accounts.filter(({ username }) => username !== me.username);
  byId("account").append(
    element("span", { class: "who" }, face(me.name), me.name),
    ...others.map((other) => signInLink(other, "button")),
    out,
  );
  byId("account").hidden = false;
}

function keep(text, oid) {
  sessionStorage.setItem("question", JSON.stringify({ text, oid }));
}

function problem(message) {
  return element("p", { class: "problem" }, message);
}

function say(text) {
  byId("status").textContent = text;
}

function setBusy(now) {
  busy = now;
  send.setAttribute("aria-disabled", String(now));
  if (now) say("The agent is answering.");
}
