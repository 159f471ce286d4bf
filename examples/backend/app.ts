/**
 * The calling application: signs people in, asks the agent for them, and passes on what the agent needs
 * from them. The browser gets text, cards and names; every token stays here.
 */
import express, { type NextFunction, type Request, type Response, type Router } from "express";
import { askAgent, type AgentEvent } from "./ask-agent.js";
import { createSessions, type Session } from "./sessions.js";
import { SignInAgain, SignInFailed, type SignedIn, type SignInOptions, createSignIn } from "./sign-in.js";

export interface BackEndOptions extends SignInOptions {
  /** This application's own origin, for example `https://chat.example.com`. */
  readonly origin: string;
  /** The agent's `/responses` endpoint. */
  readonly agentEndpoint: string;
  /** Whether the agent sits behind Foundry, which wants a token of its own. Default true. */
  readonly foundry?: boolean;
  /** Rewrites Entra's address before the browser goes there; only the demo needs it. */
  readonly browserUrl?: (url: string) => string;
  /** Which token goes to the agent. Default: the person's own; only the demo's mutants send another. */
  readonly userTokenFor?: (user: SignedIn) => Promise<string | undefined>;
  /** Another agent for some people, with the headers that its gateway would add; only the demo has one. */
  readonly agentFor?: (
    user: SignedIn,
  ) => { readonly endpoint: string; readonly headers: Readonly<Record<string, string>> } | undefined;
  /** Sends the requests to the agent. */
  readonly fetch?: typeof fetch;
  /** Accounts the page offers to sign in with; none in real use. */
  readonly accounts?: readonly { readonly name: string; readonly username: string }[];
  /** Whether there is a `/api/hops`, as in the demo. */
  readonly showsHops?: boolean;
  /** Looks on: a turn has begun, or a person has signed in. */
  readonly onTurn?: (user: SignedIn) => (outcome: string) => void;
  readonly onSignIn?: (user: SignedIn) => void;
  /** Takes what made a turn fail. Default: its name goes to the log. */
  readonly onError?: (error: unknown) => void;
}

export interface BackEnd {
  readonly router: Router;
  /** The signed-in person of a request. */
  user(req: Request): SignedIn | undefined;
  /** Opens a session for somebody who is known in another way than by signing in. */
  enter(req: Request, res: Response, user: SignedIn): void;
}

/** What the page is told during a turn: an {@link AgentEvent} without the claims, which stay here. */
type PageEvent = Exclude<AgentEvent, { type: "sign_in" }> | { readonly type: "sign_in" };

export function createBackEnd(options: BackEndOptions): BackEnd {
  const { origin, agentEndpoint, foundry = true, browserUrl = (url: string) => url } = options;
  const signIn = createSignIn(options);
  const sessions = createSessions({ cookie: "chat_session", secure: origin.startsWith("https:") });
  const router = express.Router();

  router.get("/auth/sign-in", async (req, res) => {
    const before = sessions.find(req);
    const loginHint = typeof req.query["account"] === "string" ? req.query["account"] : undefined;
    const { url, pending } = await signIn.start({ loginHint, claims: before?.claims });
    const session = before ?? sessions.open(req, res, {});
    session.pending = pending;
    res.redirect(browserUrl(url));
  });

  router.get("/auth/callback", async (req, res) => {
    const session = sessions.find(req);
    const pending = session?.pending;
    delete session?.pending;
    try {
      const user = await signIn.finish(new URL(req.originalUrl, origin).searchParams, pending);
      options.onSignIn?.(user);
      sessions.open(req, res, { user });
      res.redirect("/");
    } catch (error) {
      if (!(error instanceof SignInFailed)) throw error;
      res.redirect("/?problem=sign-in");
    }
  });

  router.post("/auth/sign-out", sameOrigin(origin), (req, res) => {
    sessions.end(req, res);
    res.sendStatus(204);
  });

  router.get("/api/me", (req, res) => {
    const { oid, name, username } = sessions.find(req)?.user ?? {};
    const user = oid === undefined ? {} : { user: { oid, name, username } };
    res.json({ ...user, accounts: options.accounts ?? [], hops: options.showsHops ?? false });
  });

  router.post("/api/chat", sameOrigin(origin), express.json({ limit: "32kb" }), async (req, res) => {
    const session = sessions.find(req);
    const body = (req.body ?? {}) as { input?: unknown; previousResponseId?: unknown };
    if (session?.user === undefined) return void res.sendStatus(401);
    if (typeof body.input !== "string" || body.input.trim() === "") return void res.sendStatus(400);
    const gone = new AbortController();
    res.on("close", () => gone.abort());
    res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
    const previous = typeof body.previousResponseId === "string" ? body.previousResponseId : undefined;
    for await (const event of turn(session, session.user, body.input, previous, gone.signal)) {
      res.write(`data: ${JSON.stringify(event)}\n\n`);
    }
    res.end();
  });

  async function* turn(
    session: Session,
    user: SignedIn,
    input: string,
    previousResponseId: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<PageEvent> {
    const end = options.onTurn?.(user);
    let outcome = "broken off";
    try {
      const userToken = await (options.userTokenFor ?? ((one) => one.agentToken()))(user);
      const foundryToken = foundry ? await user.foundryToken() : undefined;
      const question = {
        endpoint: agentEndpoint,
        ...options.agentFor?.(user),
        userToken,
        foundryToken,
        input,
        previousResponseId,
        signal,
      };
      for await (const event of askAgent(question, options.fetch)) {
        if (event.type === "sign_in") session.claims = event.claims;
        outcome = outcomes[event.type] ?? outcome;
        yield event.type === "sign_in" ? { type: "sign_in" } : event;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof SignInAgain) {
        outcome = "sign-in asked";
        session.claims = error.claims;
        yield { type: "sign_in" };
        return;
      }
      outcome = "failed";
      // What went wrong is for the operator; what a person can do is for the page.
      (options.onError ?? report)(error);
      yield { type: "error", message: "The agent cannot be reached. Try again in a moment." };
    } finally {
      end?.(outcome);
    }
  }

  return {
    router,
    user: (req) => sessions.find(req)?.user,
    enter: (req, res, user) => void sessions.open(req, res, { user }),
  };
}

/** Only the name or code: messages may quote a request. */
function report(error: unknown): void {
  const { errorCode, name } = Object(error) as { errorCode?: string; name?: string };
  console.error(`A turn failed: ${errorCode ?? name ?? typeof error}`);
}

/** How a turn ended, by the last of these events. An incomplete answer has asked for consent before. */
const outcomes: Partial<Record<AgentEvent["type"], string>> = {
  text: "answered",
  consent: "consent asked",
  sign_in: "sign-in asked",
  error: "failed",
};

/**
 * Refuses what another site's page had a browser send. The session cookie is SameSite=Lax, which stops
 * most of it; the Origin header, which scripts cannot set, stops the rest.
 */
function sameOrigin(origin: string) {
  return (req: Request, res: Response, next: NextFunction): void => {
    if (req.headers.origin === origin) return next();
    res.sendStatus(403);
  };
}
