import { eventScanner, scanned, withData } from "../access/event-scanner.js";
import { parseJson } from "../input/json-limits.js";
import { foundLate, type PersonCalling } from "./downstream.js";
import { pagesAnswer, undeclaredText } from "./pages.js";

/**
 * The answer of a call that has found out while it ran that it needs its person: the SDK has answered 200 by then, and
 * made a text for the model of the error. What was recorded counts, whatever the tool made of it.
 */
export interface LateAnswer {
  /** Whether something was found out. Until then an answer passes as it is. */
  found(): boolean;
  /** The text of a JSON-RPC message in place of this one; `undefined` for a message to pass on. */
  instead(text: string): string | undefined;
}

/** Watches one call; `undefined` for requests that no page answers. */
export function lateAnswer({ context, asked, unmet }: PersonCalling): LateAnswer | undefined {
  if (asked === undefined) return undefined;
  const { id, tool, isModern, pages } = asked;
  const failed = (text: string): object => {
    const complete = isModern ? { resultType: "complete" } : {};
    return { jsonrpc: "2.0", id, result: { ...complete, content: [{ type: "text", text }], isError: true } };
  };
  const answer = (): object | undefined => {
    const { requests, signIn, claims } = foundLate(context);
    if (requests.length > 0 && (pages !== "undeclared" || tool === undefined))
      return pagesAnswer(asked, requests);
    if (requests.length > 0) return failed(undeclaredText);
    if (signIn === undefined || tool === undefined) return undefined;
    unmet.note(context, tool, claims);
    return failed(callAgain);
  };
  return {
    found() {
      const { requests, signIn } = foundLate(context);
      return requests.length > 0 || signIn !== undefined;
    },
    instead(text) {
      const message = parsedMessage(text);
      // JSON has one spelling for each id.
      if (message === undefined || message.id !== id || message.method !== undefined) return undefined;
      const changed = answer();
      return changed === undefined ? undefined : JSON.stringify(changed);
    },
  };
}

const callAgain =
  "The user has to sign in again, or with a stronger sign-in. Call this tool again: then the user is asked for it.";

function parsedMessage(text: string): { readonly id?: unknown; readonly method?: unknown } | undefined {
  try {
    const message: unknown = parseJson(text);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The pieces of an event stream, with the answer in it changed. */
export interface ChangedStream {
  /** What to send of a piece. */
  push(piece: Uint8Array): Uint8Array;
  /** What to send at the end. */
  rest(): Uint8Array;
}

/** Passes pieces on as they are until something is found out; from the next event on it looks at each. */
export function changedStream(late: LateAnswer): ChangedStream {
  let scanner: ReturnType<typeof eventScanner> | undefined;
  let atStart = true;
  return {
    push(piece) {
      if (scanner === undefined && atStart && late.found()) scanner = eventScanner();
      if (scanner === undefined) {
        atStart = piece.length === 0 ? atStart : endsEvent(piece);
        return piece;
      }
      let out = "";
      for (const { text, data } of scanned(scanner, piece)) {
        const instead = data === "" ? undefined : late.instead(data);
        out += instead === undefined ? text : withData(text, instead);
      }
      return Buffer.from(out, "latin1");
    },
    rest: () => scanner?.rest() ?? new Uint8Array(),
  };
}

/** Both SDKs write a whole event at a time, with line feeds. */
function endsEvent(piece: Uint8Array): boolean {
  return piece.at(-1) === 0x0a && piece.at(-2) === 0x0a;
}
