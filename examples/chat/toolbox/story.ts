import type { Check } from "../checks.js";
import { told, type Told } from "../told.js";
import { createVisitor, pressThrough } from "../visitor.js";
import type { ToolboxSetting } from "./setting.js";

export interface Stage {
  readonly setting: ToolboxSetting;
  readonly check: Check;
}

/** Somebody asks: who it is, and what the request says about it. */
interface Asker {
  readonly name: string;
  headers(): Promise<Readonly<Record<string, string>>>;
}

const [katherine, dorothy] = ["Katherine Johnson", "Dorothy Vaughan"];
const question = "Call whoami, please.";
const foundryAudience = "https://ai.azure.com";

/** Plays the story, and judges it by what the MCP server saw in verified tokens and by what each was told. */
export async function tell({ setting, check }: Stage): Promise<void> {
  const { entra, foundry, contacts } = setting;
  const calls = () => contacts.verified.filter(({ call }) => call.startsWith("tools/call"));
  const oidOf = (name: string): string => entra.user(name).oid;

  /** In the portal, or in a front end that sends the person's own token for Foundry. */
  const inPerson = (name: string): Asker => ({
    name,
    headers: async () =>
      bearer(await entra.issueUserToken({ user: name, app: foundryAudience, client: "the front end" })),
  });
  /** Through a back end that calls as itself, and may say for whom. */
  const through = (name: string, identity?: string): Asker => ({
    name: `${name}, through a back end`,
    headers: async () => ({
      ...bearer(await entra.issueAppToken({ app: foundryAudience, client: "the back end" })),
      ...(identity === undefined ? {} : { "x-ms-user-identity": identity }),
    }),
  });

  async function ask(asker: Asker, previous?: Told): Promise<Told> {
    const response = await fetch(foundry.responsesUrl, {
      method: "POST",
      headers: { "content-type": "application/json", ...(await asker.headers()) },
      body: JSON.stringify({ input: question, previous_response_id: previous?.responseId }),
    });
    return told(response);
  }
  async function asks(asker: Asker, previous?: Told): Promise<Told> {
    const answer = await ask(asker, previous);
    const link = answer.link === undefined ? "" : ` and a link to ${new URL(answer.link).host}`;
    console.log(
      `  [${asker.name}] is told: ${JSON.stringify(answer.text || answer.error || answer.status)}${link}`,
    );
    return answer;
  }
  /** Follows the link in a browser of their own, picks the account, and consents. */
  async function consents(name: string, { link }: Told): Promise<boolean> {
    if (link === undefined) return false;
    const page = await pressThrough(createVisitor(), foundry.openableLink(link), [name, "Accept"]);
    return page.html.includes("Connected");
  }

  for (const name of [katherine, dorothy]) {
    console.log(`\n${name} asks, for the first time.`);
    const seen = calls().length;
    const first = await asks(inPerson(name));
    check(first.status === "incomplete" && first.link !== undefined, `${name} is asked for consent first`);
    check(calls().length === seen, `the MCP server saw nobody before ${name} consented`);
    check(await consents(name, first), `${name} signs in and consents at the platform's link`);
    const again = await asks(inPerson(name), first);
    check(
      again.status === "completed" && again.text.includes(oidOf(name)),
      `${name} is answered when the prompt is repeated`,
    );
    check(calls().at(-1)?.oid === oidOf(name), `the MCP server saw ${name}, ${oidOf(name)}`);
  }

  console.log("\nBoth ask five times, all at once.");
  const names = Array.from({ length: 5 }, () => [katherine, dorothy]).flat();
  const answers = await Promise.all(names.map((name) => ask(inPerson(name))));
  const own = answers.filter(({ text }, index) => text.includes(oidOf(names[index] ?? "")));
  check(own.length === names.length, "each of ten answers at once is about who asked");
  // Not the DELETE that ends an MCP session: after a request for consent it may come late.
  const messages = foundry.log.filter(({ side, rpc }) => side === "toolbox" && rpc !== undefined);
  check(
    messages.length > 0 &&
      messages.every(({ callId, refusal }) => callId !== undefined && refusal === undefined),
    `each of ${messages.length} messages to the toolbox had the call id of a request that was being answered`,
  );

  check(
    foundry.log.every(({ violations }) => violations === undefined),
    "every answer of the agent is as the container contract wants it",
  );

  console.log("\nA back end calls as itself and forgets x-ms-user-identity.");
  const asOne = await asks(through(dorothy));
  await consents(dorothy, asOne);
  const mistaken = await asks(through(katherine));
  check(
    mistaken.text.includes(oidOf(dorothy)),
    "to Foundry all its people are ONE user: what one of them allowed, the other is answered with",
  );

  console.log("\nThe same back end names each person in x-ms-user-identity.");
  const named = await asks(through(katherine, "katherine"));
  check(named.status === "incomplete", `${katherine} is asked for consent of her own`);
  await consents(katherine, named);
  const right = await asks(through(katherine, "katherine"), named);
  check(right.text.includes(oidOf(katherine)), `${katherine} is answered as herself`);
  const other = await asks(through(dorothy, "dorothy"));
  check(other.status === "incomplete", `${dorothy} is somebody else, and is asked for her own consent`);
}

function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}
