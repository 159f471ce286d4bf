import type { Check } from "../checks.js";
import { told, type Told } from "../told.js";
import { createVisitor, pressThrough, type PageAt } from "../visitor.js";
import { people, type ElicitationSetting } from "./setting.js";

export interface Stage {
  readonly setting: ElicitationSetting;
  readonly check: Check;
}

type Someone = (typeof people)[number];

/** Plays the story, and judges it by what server and tracker saw, and by what each person was told. */
export async function tell({ setting, check }: Stage): Promise<void> {
  const { entra, tracker, gateway } = setting;
  const [katherine, dorothy] = people;
  const oidOf = ({ name }: Someone): string => entra.user(name).oid;

  const asks = async ({ name }: Someone, input: string, previous?: Told): Promise<Told> => {
    const token = await entra.issueUserToken({ user: name, app: "the agent", client: "the front end" });
    const answer = await told(
      await fetch(`http://127.0.0.1:${setting.port}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-client-user-token": token },
        body: JSON.stringify({ input, previous_response_id: previous?.responseId }),
      }),
    );
    const card = answer.link === undefined ? "" : " and a card";
    console.log(
      `  [${name}] is told: ${JSON.stringify(answer.text || answer.error || answer.status)}${card}`,
    );
    return answer;
  };
  /** Follows a link in a browser of one's own: as oneself at Entra, and with one's own account at the tracker. */
  const follows = ({ name, account }: Someone, link = ""): Promise<PageAt> =>
    pressThrough(createVisitor(), link, [
      name,
      "Open the page",
      `Sign in as ${account}`,
      "Connect",
      "Continue",
    ]);

  console.log("\nBoth ask for their issues. Neither has an account at the tracker connected.");
  const first = await Promise.all(people.map((one) => asks(one, "Show my issues")));
  for (const [index, { name }] of people.entries()) {
    const { status, link } = first[index] ?? {};
    check(status === "incomplete" && link !== undefined, `${name} gets a card`);
    check(link?.startsWith(tracker.url) === false, `${name}'s card leads to the sign-in service first`);
  }
  check(tracker.visits.length === 0, "nobody and nothing opened the tracker's pages before a click");

  console.log(`\n${dorothy.name} follows the link on ${katherine.name}'s card.`);
  const stopped = await follows(dorothy, first[0]?.link);
  console.log(`  [${dorothy.name}] sees: ${JSON.stringify(titleOf(stopped))}`);
  check(tracker.visits.length === 0, `${dorothy.name} gets no further than the sign-in service`);
  check(
    tracker.accountOf(oidOf(katherine)) === undefined,
    `${katherine.name} has no account of somebody else`,
  );

  console.log("\nEach follows their own.");
  for (const [index, one] of people.entries()) {
    const page = await follows(one, first[index]?.link);
    console.log(`  [${one.name}] sees: ${JSON.stringify(titleOf(page))}`);
    check(tracker.accountOf(oidOf(one)) === one.account, `${one.name} connects ${one.account}`);
  }

  console.log("\nThe same question again.");
  const second = await Promise.all(people.map((one, index) => asks(one, "Show my issues", first[index])));
  for (const [index, { name, issues }] of people.entries()) {
    const { status, text = "" } = second[index] ?? {};
    check(
      status === "completed" && issues.every((issue) => text.includes(issue)),
      `${name} sees their own issues`,
    );
    const others = people.filter((other) => other.name !== name).flatMap((other) => other.issues);
    check(!others.some((issue) => text.includes(issue)), `${name} sees nobody else's`);
  }
  const calls = people.map((one) => gateway.callers.filter((oid) => oid === oidOf(one)).length);
  check(calls.join() === "2,2", "the MCP server was called twice as each of them, and as nobody else");

  console.log("\nThe server names a page that the agent's developer has not allowed.");
  const prize = await asks(katherine, "Show my prizes");
  check(
    prize.status === "failed" && prize.link === undefined,
    "there is no card for a page that is not allowed",
  );
}

function titleOf({ html }: PageAt): string {
  const [, title = html] = /<h1[^>]*>([^<]*)<\/h1>/.exec(html) ?? [];
  return title.replace(/<[^>]*>/g, "").trim();
}
