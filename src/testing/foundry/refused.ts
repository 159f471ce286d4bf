import { json, type Reply } from "../entra/http.js";
import type { RefusalFacts } from "./refusal-facts.js";
import { refusals, type RefusalName } from "./refusals.js";

/** Thrown inside the emulator; becomes the answer that its row of the table says. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly row: RefusalName;
  readonly facts: RefusalFacts;
  readonly retryAfterS: number | undefined;

  constructor(row: RefusalName, text: string, retryAfterS: number | undefined) {
    super(text);
    this.row = row;
    this.facts = refusals[row];
    this.retryAfterS = retryAfterS;
  }
}

/** A refusal of the table, with the places of its text filled in. */
export function refused(
  name: RefusalName,
  values: Readonly<Record<string, string>> = {},
  retryAfterS?: number,
): Refused {
  const text = refusals[name].text.replace(/\{(\w+)\}/g, (_place, key: string) => values[key] ?? "");
  return new Refused(name, text, retryAfterS);
}

/** The answer as Foundry writes it. `x-emulator-refusal` names the row; the real one has no such header. */
export function refusalReply({ row, facts, message, retryAfterS }: Refused): Reply {
  const { status, code, param = null } = facts;
  const type = status < 500 ? "invalid_request_error" : "server_error";
  const body =
    facts.body === "front" ? { statusCode: status, message } : { error: { message, type, param, code } };
  return json(status, body, {
    "x-emulator-refusal": row,
    ...(retryAfterS === undefined ? {} : { "retry-after": String(retryAfterS) }),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
  });
}
