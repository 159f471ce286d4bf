import { randomBytes } from "node:crypto";
import { refused } from "./refused.js";

/** Which sandbox a conversation has, and whose it is. */
export interface Sessions {
  /**
   * The session of a request: the one it names, else the one of its conversation or previous response, else a
   * new one. A session belongs to the caller who began it; a back end that names its users may put several
   * into one. Throws a refusal.
   */
  of(request: {
    readonly owner: string;
    readonly named: string | undefined;
    readonly conversation: string | undefined;
    readonly previous: string | undefined;
  }): string;
}

const kept = 10_000;

export function createSessions(): Sessions {
  const owners = new Map<string, string>();
  const conversations = new Map<string, string>();
  const begin = (owner: string, id: string = randomBytes(32).toString("hex").slice(0, 63)): string => {
    owners.set(id, owner);
    if (owners.size > kept) owners.delete(owners.keys().next().value ?? "");
    return id;
  };
  return {
    of({ owner, named, conversation, previous }) {
      if (named !== undefined) {
        if (!owners.has(named)) return begin(owner, named);
        if (owners.get(named) !== owner) throw refused("session_of_another", { session: named });
        return named;
      }
      if (previous !== undefined) return previous;
      if (conversation === undefined) return begin(owner);
      const key = JSON.stringify([owner, conversation]);
      const known = conversations.get(key) ?? begin(owner);
      conversations.set(key, known);
      if (conversations.size > kept) conversations.delete(conversations.keys().next().value ?? "");
      return known;
    },
  };
}
