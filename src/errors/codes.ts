import { resourceCodes, type ResourceCode } from "./codes/resource.js";
import { setUpCodes, type SetUpCode } from "./codes/set-up.js";
import { signInCodes, type SignInCode } from "./codes/sign-in.js";
import { tokenCodes, type TokenCode } from "./codes/tokens.js";
import { turnCodes, type TurnCode } from "./codes/turn.js";
import { userTokenCodes, type UserTokenCode } from "./codes/user-token.js";
import type { ErrorCodeFacts } from "./facts.js";

export type { ErrorCategory, ErrorCodeFacts } from "./facts.js";

// A new code is one new row in a table of codes/, and its name in the union above it.
/** The documented codes of {@link HostedAgentIdentityError}; {@link errorCodes} says what each means. */
export type ErrorCode = UserTokenCode | SetUpCode | TokenCode | ResourceCode | TurnCode | SignInCode;

/**
 * Every code this package throws, with what it means and what to do. The catalog page is generated from
 * this table.
 */
export const errorCodes: Readonly<Record<ErrorCode, ErrorCodeFacts>> = {
  ...userTokenCodes,
  ...setUpCodes,
  ...tokenCodes,
  ...resourceCodes,
  ...turnCodes,
  ...signInCodes,
};
