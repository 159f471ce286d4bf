import { func, orElse } from "../options/checks.js";
import { type OptionCheck } from "../options/option-table.js";
/** The shape of `fetch` that factories, MCP transports and REST clients take. */
export type FetchLike = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** The option `fetch`. Default: the global one, looked up at each call. */
export const fetchOption: OptionCheck<FetchLike> = orElse(
  func<FetchLike>("a function like fetch"),
  (input, init) => globalThis.fetch(input, init),
);
