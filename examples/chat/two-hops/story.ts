import type { Check } from "../checks.js";
import { told, type Told } from "../told.js";
import { createVisitor, pressThrough, type PageAt } from "../visitor.js";
import { people, type TwoHopsSetting } from "./setting.js";

export interface Stage {
  readonly setting: TwoHopsSetting;
  readonly check: Check;
}

type Someone = (typeof people)[number];

/** Plays the story, and judges it by whom the API at the far end saw, and by what each person was told. */
export async function tell({ setting, check }: Stage): Promise<void> {
  const { entra, api, ports } = setting;
  const [katherine, dorothy] = people;
  const oidOf = ({ name }: Someone): string => entra.user(name).oid;
  const server = entra.app("the mailbox server").clientId;

  const asks = async (one: Someone): Promise<Told> => {
    const token = await entra.issueUserToken({ user: one.name, app: "the agent", client: "the front end" });
    const answer = await told(
      await fetch(`http://127.0.0.1:${ports.agent}/responses`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-client-user-token": token },
        body: JSON.stringify({ input: "Read my mail" }),
      }),
    );
    const card = answer.link === undefined ? "" : " and a card";
    console.log(
      `  [${one.name}] is told: ${JSON.stringify(answer.text || answer.error || answer.status)}${card}`,
    );
    return answer;
  };
  const follows = ({ name }: Someone, link = ""): Promise<PageAt> =>
    pressThrough(createVisitor(), link, [name, "Open the page", "Accept", "Continue"]);

  console.log("\nBoth ask for their mail. Nobody has let the MCP server read it yet.");
  const first = await Promise.all(people.map((one) => asks(one)));
  for (const [index, { name }] of people.entries()) {
    const { status, link } = first[index] ?? {};
    check(status === "incomplete" && link !== undefined, `${name} gets a card`);
  }
  check(api.seen.length === 0, "the API saw nobody before there was consent");

  console.log(`\n${dorothy.name} follows the link on ${katherine.name}'s card.`);
  const stopped = await follows(dorothy, first[0]?.link);
  console.log(`  [${dorothy.name}] sees: ${JSON.stringify(titleOf(stopped))}`);
  check(
    new URL(stopped.url).port === String(ports.agent),
    `${dorothy.name} gets no further than the agent's own page`,
  );

  console.log("\nEach follows their own.");
  for (const [index, one] of people.entries()) {
    const page = await follows(one, first[index]?.link);
    console.log(`  [${one.name}] sees: ${JSON.stringify(titleOf(page))}`);
    check(
      new URL(page.url).port === String(ports.mailbox),
      `${one.name} consents on the MCP server's own pages`,
    );
  }

  console.log("\nThe same question again.");
  const second = await Promise.all(people.map((one) => asks(one)));
  for (const [index, { name, mail }] of people.entries()) {
    const { status, text = "" } = second[index] ?? {};
    check(
      status === "completed" && mail.every((line) => text.includes(line)),
      `${name} reads their own mail`,
    );
    const others = people.filter((other) => other.name !== name).flatMap((other) => other.mail);
    check(!others.some((line) => text.includes(line)), `${name} reads nobody else's`);
  }
  for (const one of people) {
    const calls = api.seen.filter(({ oid, clientId }) => oid === oidOf(one) && clientId === server).length;
    check(calls === 1, `the API, two hops away, saw ${one.name} once, through the MCP server`);
  }
}

function titleOf({ html }: PageAt): string {
  const [, title = html] = /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html) ?? [];
  return title.replace(/<[^>]*>/g, "").trim();
}
