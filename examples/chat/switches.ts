import { parseArgs } from "node:util";
import { breaks, isBreak, type Break } from "./breaks.js";
import { elicitationBreaks, type ElicitationBreak } from "./elicitation/breaks.js";
import { twoHopsBreaks, type TwoHopsBreak } from "./two-hops/breaks.js";
import type { ShapeName } from "./no-user-token/shapes.js";

/** What the command line asks for. */
export type Switches =
  | { readonly status: "page"; readonly port: number }
  | { readonly status: "once"; readonly port: number; readonly broken: Break | undefined }
  | { readonly status: "no-user-token"; readonly shape: ShapeName }
  | { readonly status: "elicitation"; readonly broken: ElicitationBreak | undefined }
  | { readonly status: "two-hops"; readonly broken: TwoHopsBreak | undefined }
  | { readonly status: "toolbox" }
  | { readonly status: "agent-identity" }
  /** It cannot be done, and why. */
  | { readonly status: "wrong"; readonly problem: string };

/** Reads the switches of the demo, in any order. */
export function readSwitches(args: readonly string[]): Switches {
  let given: Given;
  try {
    given = parsed(args);
  } catch (error) {
    const [reason] = String(Object(error).message).split(". ");
    return { status: "wrong", problem: `${reason}. The switches are: ${usage}` };
  }
  const problem = problems.find(({ when }) => when(given))?.say;
  if (problem !== undefined) return { status: "wrong", problem };
  const once = given.once === true;
  const [story] = storiesIn(given);
  if (story === "no-user-token") {
    return {
      status: story,
      shape: ways.find((way) => given[way] === true) ?? "one-process",
    };
  }
  if (story === "elicitation") return { status: story, broken: given.break as ElicitationBreak | undefined };
  if (story === "two-hops") return { status: story, broken: given.break as TwoHopsBreak | undefined };
  if (story !== undefined) return { status: story };
  const port = Number(given.port ?? (once ? 0 : 3000));
  if (!once) return { status: "page", port };
  const { break: broken } = given;
  return { status: "once", port, broken: broken !== undefined && isBreak(broken) ? broken : undefined };
}

type Given = ReturnType<typeof parsed>;

function parsed(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      once: { type: "boolean" },
      break: { type: "string" },
      port: { type: "string" },
      "no-user-token": { type: "boolean" },
      elicitation: { type: "boolean" },
      "two-hops": { type: "boolean" },
      toolbox: { type: "boolean" },
      "agent-identity": { type: "boolean" },
      redis: { type: "boolean" },
      cluster: { type: "boolean" },
      remote: { type: "boolean" },
    },
  }).values;
}

/** What can be played instead of the two accounts on the page; each in processes of its own. */
const stories = ["no-user-token", "toolbox", "agent-identity", "elicitation", "two-hops"] as const;

/** What `--break` takes with a story; the others take none. */
const storyBreaks: Readonly<Partial<Record<(typeof stories)[number], object>>> = {
  elicitation: elicitationBreaks,
  "two-hops": twoHopsBreaks,
};

/** How the story of the missing user token can be run. */
const ways = ["redis", "cluster", "remote"] as const;

function storiesIn(given: Given): readonly (typeof stories)[number][] {
  return stories.filter((story) => given[story] === true);
}

const usage =
  "--port=<number>, --once [--break=<name>], --once --no-user-token [--redis | --cluster | --remote], --once --toolbox, --once --agent-identity, --once --elicitation [--break=<name>], and --once --two-hops [--break=<name>].";

const problems: readonly { readonly when: (given: Given) => boolean; readonly say: string }[] = [
  {
    when: ({ break: broken, ...given }) =>
      broken !== undefined && !(given.once === true && (storiesIn(given).length > 0 || isBreak(broken))),
    say: `--break goes with --once and takes one of: ${Object.keys(breaks).join(", ")}.`,
  },
  {
    when: (given) => given.once !== true && storiesIn(given).length > 0,
    say: `${named(stories)} go with --once.`,
  },
  {
    when: (given) => storiesIn(given).length > 1,
    say: `${named(stories)} are different stories: take one of them.`,
  },
  {
    when: (given) => ways.some((way) => given[way] === true) && given["no-user-token"] !== true,
    say: `${named(ways)} go with --once --no-user-token.`,
  },
  {
    when: (given) => ways.filter((way) => given[way] === true).length > 1,
    say: `${named(ways)} are different ways to run it: take one of them.`,
  },
  {
    when: (given) => storiesIn(given).length > 0 && (given.port !== undefined || takesNot(given)),
    say: `${named(stories)} take no --port, and no --break but ${namesOfBreaks()}.`,
  },
  {
    when: ({ port }) => port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) <= 65_535),
    say: "--port takes a number from 0 to 65535.",
  },
];

/** Whether a story is given with a break that it does not have. */
function takesNot({ break: broken, ...given }: Given): boolean {
  const [story] = storiesIn(given);
  return broken !== undefined && story !== undefined && !Object.hasOwn(storyBreaks[story] ?? {}, broken);
}

function namesOfBreaks(): string {
  return Object.entries(storyBreaks)
    .map(([story, taken]) => `--${story} ${Object.keys(taken).join(", ")}`)
    .join("; ");
}

function named(switches: readonly string[]): string {
  const all = switches.map((name) => `--${name}`);
  return `${all.slice(0, -1).join(", ")} and ${all.at(-1)}`;
}
