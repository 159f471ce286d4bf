import type { EntraApp, EntraTenant } from "./directory-objects.js";
import type { EntraRequest } from "./log.js";
import { refused } from "./refused.js";
import type { EntraState } from "./state.js";

/** How a client proved itself. */
export type ClientProof = "none" | "secret" | "certificate" | "federated";

/** A request to the token endpoint whose client is known. */
export interface TokenCall {
  readonly state: EntraState;
  readonly params: URLSearchParams;
  readonly client: EntraApp;
  readonly proof: ClientProof;
  /** Undefined for `common` and `organizations`. */
  readonly tenant: EntraTenant | undefined;
  readonly origin: string | undefined;
  readonly entry: EntraRequest;
}

/** What the token endpoint answers with. */
export type TokenResponse = Record<string, string | number | undefined>;

/** A parameter that must be there. */
export function required(params: URLSearchParams, parameter: string): string {
  const value = params.get(parameter);
  if (value === null || value === "") throw refused("parameter_missing", { parameter });
  return value;
}
