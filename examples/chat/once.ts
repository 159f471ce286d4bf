/**
 * The demo without a browser, for both accounts at the same time: each asks, is asked for consent, gives
 * it, and gets the answer to the same question. Whose call it was is judged by what the MCP server saw in
 * the tokens it verified, and by what each account was told.
 */
import type { AgentEvent } from "../backend/ask-agent.js";
import { hopLine } from "./hops.js";
import { createVisitor, formsOf, type PageAt, type Visitor } from "./visitor.js";
import type { Account, World } from "./world.js";

interface Visit {
  readonly account: Account;
  readonly visitor: Visitor;
}

interface Turn {
  readonly text: string;
  readonly status: string;
  readonly responseId: string;
  readonly consent: (AgentEvent & { type: "consent" }) | undefined;
}

/** Returns whether every call was seen as the account it was made for. */
export async function once(world: World, { decline }: { decline: boolean }): Promise<boolean> {
  const visits = world.accounts.map((account): Visit => ({ account, visitor: createVisitor() }));
  const checks: [boolean, string][] = [];
  const check = (good: boolean, what: string): void => void checks.push([good, what]);
  const shown = new Set<number>();
  const oidOf = (one: Account): string => one.oid;

  function showHops(): void {
    for (const { oid, name } of world.accounts) {
      for (const hop of world.hops.of(oid).filter(({ id }) => !shown.has(id))) {
        shown.add(hop.id);
        console.log(`  [${name}] ${hopLine(hop, world.label)}`);
      }
    }
  }

  /** Both ask at the same time: that is when one person's token could end up in another's call. */
  async function bothAsk(
    inputs: readonly string[],
    previous: readonly (Turn | undefined)[] = [],
  ): Promise<readonly Turn[]> {
    const turns = await Promise.all(
      visits.map((visit, index) => ask(world, visit, inputs[index] ?? "", previous[index]?.responseId)),
    );
    showHops();
    for (const [index, { text }] of turns.entries()) {
      const { name } = visits[index]?.account ?? {};
      if (text !== "") console.log(`  [${name}] is told: ${JSON.stringify(text)}`);
    }
    return turns;
  }

  console.log("\nBoth accounts sign in.");
  for (const visit of visits) {
    const me = await signIn(world, visit);
    check(me === visit.account.oid, `${visit.account.name} is signed in as ${visit.account.oid}`);
  }
  showHops();

  console.log("\nBoth ask: Who am I?");
  const question = visits.map(() => "Who am I?");
  const first = await bothAsk(question);
  for (const [index, turn] of first.entries()) {
    const { name } = visits[index]?.account ?? {};
    check(turn.consent !== undefined && turn.status === "incomplete", `${name} is asked for consent first`);
  }
  check(world.verified.length === 0, "the MCP server saw nobody before there was consent");

  console.log(`\nBoth ${decline ? "refuse" : "give consent"} at Entra.`);
  for (const [index, visit] of visits.entries()) {
    const link = first[index]?.consent?.link;
    if (link === undefined) continue;
    const back = await answerEntra(world, visit, link, decline);
    check(
      back.url.href === `${world.origin}/consent/returned`,
      `${visit.account.name} comes back with consent`,
    );
  }

  showHops();

  console.log("\nThe same question again.");
  const second = await bothAsk(question, first);
  for (const [index, { account }] of visits.entries()) {
    const told = second[index]?.text ?? "";
    const others = world.accounts.map(oidOf).filter((oid) => oid !== account.oid);
    check(
      told.includes(account.oid) && told.includes(account.name),
      `${account.name} is told their own object id`,
    );
    check(!others.some((oid) => told.includes(oid)), `${account.name} is told nobody else's`);
    check(callsOf(world, "whoami", account.oid) === 1, `the MCP server saw one whoami of ${account.oid}`);
  }

  console.log("\nBoth ask: Show my contacts");
  const third = await bothAsk(visits.map(() => "Show my contacts"));
  for (const [index, { account }] of visits.entries()) {
    const told = third[index]?.text ?? "";
    const others = world.accounts
      .filter(({ oid }) => oid !== account.oid)
      .flatMap(({ contacts }) => contacts);
    check(
      account.contacts.every((one) => told.includes(one)),
      `${account.name} sees their own contacts`,
    );
    check(!others.some((one) => told.includes(one)), `${account.name} sees nobody else's contacts`);
  }

  console.log("\nBoth delete a contact.");
  const fourth = await bothAsk(visits.map(({ account }) => `Delete ${account.contacts[0]}`));
  for (const [index, { account }] of visits.entries()) {
    const told = fourth[index]?.text ?? "";
    const may = account.role === "editor";
    check(
      told.includes(may ? "Deleted" : "was refused"),
      `${account.name}, ${account.role}, may ${may ? "" : "not "}delete`,
    );
  }

  console.log("\nWhat the MCP server saw in the tokens it verified:");
  for (const { call, oid, name, tid, azp = "nobody", aud, scp } of world.verified) {
    const facts = `oid ${oid} (${name}), tid ${tid}, azp ${world.label(azp)}, aud ${world.label(aud)}, scp ${scp}`;
    console.log(`  ${call}: ${facts}`);
  }
  console.log("");
  for (const [good, what] of checks) console.log(`${good ? "ok    " : "FAILED"} ${what}`);
  return checks.every(([good]) => good);
}

function callsOf(world: World, tool: string, oid: string): number {
  return world.verified.filter((entry) => entry.call === `tools/call ${tool}` && entry.oid === oid).length;
}

/** Signs in through the back end and Entra's page, and returns the object id the back end knows now. */
async function signIn(world: World, visit: Visit): Promise<string | undefined> {
  const account = encodeURIComponent(visit.account.username);
  await answerEntra(world, visit, `${world.origin}/auth/sign-in?account=${account}`, false);
  const response = await visit.visitor.script(`${world.origin}/api/me`, {});
  return ((await response.json()) as { user?: { oid?: string } }).user?.oid;
}

/** Goes through Entra's pages: picks the account, then accepts or declines, until it is back with us. */
async function answerEntra(world: World, visit: Visit, link: string, decline: boolean): Promise<PageAt> {
  const { visitor, account } = visit;
  let page = await visitor.visit(link);
  for (let pages = 0; pages < 5 && page.url.origin !== world.origin; pages += 1) {
    const wanted = [account.username, account.name, decline ? "Cancel" : "Accept"];
    const choice = formsOf(page.html)
      .flatMap((form) => form.buttons.map((button) => ({ form, button })))
      .find(({ button }) => wanted.some((one) => button.text.includes(one)));
    if (choice === undefined)
      throw new Error(`Entra's page at ${page.url.pathname} offers nothing to press.`);
    const { form, button } = choice;
    page = await visitor.submit(page, form, button.name === "" ? {} : { [button.name]: button.value });
  }
  return page;
}

async function ask(
  world: World,
  { visitor }: Visit,
  input: string,
  previousResponseId: string | undefined,
): Promise<Turn> {
  const response = await visitor.script(`${world.origin}/api/chat`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: world.origin },
    body: JSON.stringify({ input, previousResponseId }),
    signal: AbortSignal.timeout(30_000),
  });
  const events = (await response.text())
    .split("\n\n")
    .filter((block) => block.startsWith("data: "))
    .map((block) => JSON.parse(block.slice("data: ".length)) as AgentEvent);
  const found = <T extends AgentEvent["type"]>(type: T): (AgentEvent & { type: T }) | undefined =>
    events.find((event): event is AgentEvent & { type: T } => event.type === type);
  const done = found("done");
  return {
    text: events.map((event) => (event.type === "text" ? event.delta : "")).join(""),
    status: done?.status ?? (found("sign_in") === undefined ? "failed" : "sign-in asked"),
    responseId: done?.responseId ?? "",
    consent: found("consent"),
  };
}
