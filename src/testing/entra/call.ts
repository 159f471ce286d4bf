import type { IncomingMessage } from "node:http";
import type { EntraTenant } from "./directory-objects.js";
import type { EntraRequest } from "./log.js";
import type { EntraState } from "./state.js";

/** One request with what routing found out. */
export interface EntraCall {
  readonly state: EntraState;
  readonly request: IncomingMessage;
  readonly method: string;
  /** The tenant as the path names it. */
  readonly segment: string;
  /** Undefined for `common`, `organizations` and `consumers`. */
  readonly tenant: EntraTenant | undefined;
  /** Query of a GET, form of a POST. */
  readonly params: URLSearchParams;
  readonly entry: EntraRequest;
}
