import type { Random } from "./random.js";

/** How one question is asked. */
export interface PlannedTurn {
  readonly pauseMs: number;
  readonly stream: boolean;
  /** The person goes away so many milliseconds after asking. */
  readonly leaveAfterMs?: number | undefined;
  /** Which conversation it belongs to. */
  readonly thread: Thread;
  /** Whether the person comes with a new token. */
  readonly renew: boolean;
  /** How long the person takes to read each piece, in milliseconds. */
  readonly readMs: number;
  /** The person does not ask: a server does that has the person's token for a resource. */
  readonly replayed?: true;
  /** What goes wrong just before. */
  readonly trouble?: Trouble | undefined;
}

/**
 * `new`: none so far. `own`: goes on from the person's last response. `shared`: the one conversation that everybody
 * is in. `other`: goes on from somebody else's last response. `stranger`: like `shared`, without any user token.
 */
export type Thread = "new" | "own" | "shared" | "other" | "stranger";

export const troubles = [
  "token worn out",
  "MCP sessions dropped",
  "Entra slow",
  "Entra failing",
  "Entra throttling",
] as const;
export type Trouble = (typeof troubles)[number];

/** Every so many questions something goes wrong, and somebody leaves before the answer is there. */
const troubleEvery = 3;
const leaveEvery = 5;

const sharingThreads: readonly Thread[] = [
  "shared",
  "stranger",
  "other",
  "own",
  "new",
  "shared",
  "own",
  "shared",
];
const ownThreads: readonly Thread[] = ["own", "new"];

/**
 * Decides for each person how each of their questions is asked, before the first one is. What can happen is dealt
 * like cards: all of it happens, the seed says where.
 */
export function planned(
  random: Random,
  people: number,
  turns: number,
  sharedConversations: boolean,
): readonly (readonly PlannedTurn[])[] {
  const places = Array.from({ length: people * turns }, (_, n) => n).filter((n) => n % turns !== 0);
  const kinds = troubles.filter((one) => one !== "Entra throttling");
  const threads = deal(random.shuffled(places), sharedConversations ? sharingThreads : ownThreads);
  const trouble: Map<number, Trouble> = deal<Trouble>(
    random.shuffled(places).slice(0, Math.ceil(places.length / troubleEvery)),
    kinds,
  );
  const leaving = new Set(random.shuffled(places).slice(0, Math.ceil(places.length / leaveEvery)));
  // Whoever is throttled has to wait a second: late, and one person only.
  trouble.set(
    random.below(people) * turns + Math.min(turns - 1, Math.ceil(turns * 0.75)),
    "Entra throttling",
  );

  return Array.from({ length: people }, (_, person) =>
    Array.from({ length: turns }, (__, turn) => {
      const place = person * turns + turn;
      const comesBack = turn > 0 && leaving.has(place - 1);
      return {
        // The first questions show that the agent works at all; everybody asks them at once, both ways.
        pauseMs: turn === 0 ? 0 : random.below(30),
        stream: turn === 0 ? person % 2 === 0 : random.chance(0.6),
        thread: comesBack ? "own" : (threads.get(place) ?? "new"),
        renew: random.chance(0.2),
        readMs: random.below(4),
        leaveAfterMs: leaving.has(place) ? random.below(120) : undefined,
        trouble: trouble.get(place),
      };
    }),
  );
}

/** One card for each place, over and over. */
function deal<T>(places: readonly number[], cards: readonly T[]): Map<number, T> {
  return new Map(
    places.flatMap((place, n) => {
      const card = cards[n % cards.length];
      return card === undefined ? [] : [[place, card] as const];
    }),
  );
}
