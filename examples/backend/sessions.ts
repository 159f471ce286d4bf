/**
 * Sessions on the server: the browser holds a random id in a cookie that scripts cannot read, and
 * everything else, tokens above all, stays here.
 */
import { randomBytes } from "node:crypto";
import type { Request, Response } from "express";
import type { PendingSignIn, SignedIn } from "./sign-in.js";

export interface Session {
  pending?: PendingSignIn;
  user?: SignedIn;
  /** What Entra wants the next sign-in to meet. */
  claims?: string | undefined;
}

export interface Sessions {
  /** The session of a request, if it has a live one. */
  find(req: Request): Session | undefined;
  /** Opens a session under a new id. Call it after a sign-in too: an id from before must not outlive it. */
  open(req: Request, res: Response, session: Session): Session;
  end(req: Request, res: Response): void;
}

export interface SessionOptions {
  readonly cookie: string;
  /** Whether the page is served over https. */
  readonly secure: boolean;
  /** Milliseconds without a request after which a session is forgotten. */
  readonly idleMs?: number;
  /** How many sessions are kept; the least recently used goes first. */
  readonly max?: number;
}

/** In memory, for one process. Behind several, keep them in a shared store, encrypted. */
export function createSessions(options: SessionOptions): Sessions {
  const { cookie, secure, idleMs = 60 * 60_000, max = 10_000 } = options;
  const sessions = new Map<string, { session: Session; seen: number }>();
  // Lax, not Strict: the way back from Entra is a navigation from another site.
  const attributes = { httpOnly: true, sameSite: "lax", secure, path: "/" } as const;

  function idOf(req: Request): string | undefined {
    const pairs = (req.headers.cookie ?? "").split(/;\s*/).map((pair) => pair.split("="));
    return pairs.find(([name]) => name === cookie)?.[1];
  }

  return {
    find(req) {
      const id = idOf(req) ?? "";
      const entry = sessions.get(id);
      if (entry === undefined) return undefined;
      sessions.delete(id);
      if (Date.now() - entry.seen > idleMs) return undefined;
      sessions.set(id, { session: entry.session, seen: Date.now() });
      return entry.session;
    },
    open(req, res, session) {
      sessions.delete(idOf(req) ?? "");
      const id = randomBytes(32).toString("base64url");
      sessions.set(id, { session, seen: Date.now() });
      const [oldest] = sessions.keys();
      if (sessions.size > max && oldest !== undefined) sessions.delete(oldest);
      res.cookie(cookie, id, attributes);
      return session;
    },
    end(req, res) {
      sessions.delete(idOf(req) ?? "");
      res.clearCookie(cookie, attributes);
    },
  };
}
