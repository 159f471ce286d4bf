import { byId, element } from "./dom.js";

/** Fills the side panel from the back end's stream of hops, if it has one. */
export function watchHops() {
  const list = byId("hops");
  const shown = new Map();
  const source = new EventSource("/api/hops");
  source.addEventListener("message", ({ data }) => {
    const hop = JSON.parse(data);
    const item = render(hop);
    const before = shown.get(hop.id);
    if (before === undefined) list.append(item);
    else before.replaceWith(item);
    shown.set(hop.id, item);
    byId("no-hops").hidden = true;
    const scroll = list.parentElement;
    // Follow the newest, unless the person has gone into the list.
    if (!scroll.contains(document.activeElement) && document.activeElement !== scroll) {
      scroll.scrollTop = scroll.scrollHeight;
    }
  });
}

function render(hop) {
  const facts = element("dl");
  const fact = (name, value) => value && facts.append(element("dt", {}, name), element("dd", {}, value));
  fact("Token for", hop.audience);
  // The MCP server's own word is the one that counts, so it is given in full.
  fact("Person", hop.subject && person(hop.subject, hop.from === "MCP server"));
  fact("Way", hop.way);
  return element(
    "li",
    { class: hop.from === "browser" ? "first" : undefined },
    element(
      "div",
      { class: "route" },
      hop.to === undefined ? hop.from : `${hop.from} → ${hop.to}`,
      pill(hop.outcome),
    ),
    element("div", {}, hop.what),
    facts,
  );
}

function person({ name, oid }, inFull) {
  return element("span", {}, name ?? "", " ", element("code", {}, inFull ? oid : `${oid.slice(0, 8)}…`));
}

function pill(outcome) {
  if (outcome === undefined) return element("span", { class: "pill" }, "running");
  const kind = /consent|sign/.test(outcome)
    ? "wait"
    : /fail|refus|error|broken/.test(outcome)
      ? "bad"
      : "good";
  return element("span", { class: `pill ${kind}` }, outcome);
}
