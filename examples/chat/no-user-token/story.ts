import type { Check } from "../checks.js";
import type { Processes } from "../processes.js";
import type { Told } from "../told.js";
import type { Person } from "./person.js";
import type { Setting } from "./setting.js";

export interface Stage {
  readonly setting: Pick<Setting, "entra" | "contacts" | "redis">;
  readonly processes: Processes;
  readonly person: Person;
  readonly check: Check;
}

/** The platform's ids of two people; nothing in them says who they are. */
const [katherine, stranger] = ["user-k", "user-x"];

/** Plays the story, and judges it by what the MCP server saw in verified tokens and by what each was told. */
export async function tell({ setting, processes, person, check }: Stage): Promise<void> {
  const { entra, contacts, redis } = setting;
  const { oid, name } = entra.user("Katherine Johnson");
  const seen = (): number => contacts.verified.length;
  const lastSeen = (): string | undefined => contacts.verified.at(-1)?.oid;
  const says = async (who: string, as: string, input: string, shown = input): Promise<Told> => {
    const told = await person.says(as, input);
    const link = told.link === undefined ? "" : ", and gets a link to sign in";
    console.log(`  [${who}, ${shown}] is told: ${JSON.stringify(told.text)}${link}`);
    return told;
  };

  console.log("\nSomebody asks, and the request says only which platform user it is.");
  const asked = await says("the person", katherine, "Who am I?");
  check(asked.status === "incomplete" && asked.link !== undefined, "the call is refused with a consent item");
  check(seen() === 0, "the MCP server saw nobody");

  console.log("\nThe person opens the link, signs in, and reads the code of the page.");
  const code = asked.link === undefined ? "" : await person.signsIn(asked.link, name);
  check(code.replace(/[^A-Z2-7]/g, "").length >= 8, "the page shows a code of at least eight characters");

  const thief = await says("somebody else", stranger, code, "same code");
  check(
    thief.status === "completed" && !thief.text.includes(name),
    "somebody else gets nothing for the code",
  );
  check(seen() === 0, "the MCP server still saw nobody");

  const confirm = await says("the person", katherine, code, "the code");
  check(
    confirm.text.includes(entra.user(name).upn),
    "the chat names the account, and asks whether it is theirs",
  );
  check(seen() === 0, "nothing is connected before the yes");

  const answered = await says("the person", katherine, "yes");
  check(answered.text.includes(oid), "the first question is answered without asking it again");
  check(lastSeen() === oid, `the MCP server saw ${name}, ${oid}`);

  const used = await says("somebody else", stranger, code, "same code again");
  check(used.status === "completed" && !used.text.includes(name), "the used code is worth nothing either");
  const other = await says("somebody else", stranger, "Who am I?");
  check(other.status === "incomplete" && !other.text.includes(oid), "somebody else is asked to sign in");

  console.log(`\nKilled and started again: ${processes.names.join(", ")}.`);
  await processes.kill();
  await processes.start();
  await stillKnown("after all processes were killed");

  if (redis !== undefined) {
    console.log(`\nKilled and started again: ${processes.names.join(", ")}, and Redis.`);
    await Promise.all([processes.kill(), redis.kill()]);
    await redis.start();
    await processes.start();
    await stillKnown("after Redis was killed as well");
  }
  check(
    contacts.verified.every((call) => call.oid === oid),
    `the MCP server never saw anybody but ${name}`,
  );

  async function stillKnown(when: string): Promise<void> {
    const before = seen();
    const again = await says("the person", katherine, "Show my contacts");
    check(again.status === "completed" && seen() > before, `nobody signs in again ${when}`);
    check(seen() > before && lastSeen() === oid, `the MCP server sees ${name} ${when}`);
  }
}
