import type { FoundryEnvironment } from "../foundry/environment.js";
import {
  clientHeaderPrefix,
  defaultUserTokenHeader,
  platformHeaders,
  traceHeaders,
} from "../foundry/headers.js";
import { orElse, text } from "../options/checks.js";
import { UserTokenError } from "../errors.js";
import { type OptionCheck } from "../options/option-table.js";
import { valuesOf, type HeaderPairs } from "./header-pairs.js";
import type { PlatformContext } from "../context/user-context.js";

/**
 * The name of the header that carries the user token: an `x-client-*` header, the only ones that reach a hosted
 * agent, or `authorization` for other front ends.
 */
export const tokenHeaderOption: OptionCheck<string> = orElse(
  text('a lower-case x-client-* header or "authorization"', /^(?:authorization|x-client-[a-z0-9-]+)$/),
  defaultUserTokenHeader,
);

/**
 * The headers that the middleware removes. Also the default one when another is configured: a caller may send both.
 */
export function secretHeaders(tokenHeader: string): readonly string[] {
  return [...new Set([tokenHeader, defaultUserTokenHeader])];
}

/** The user token of a request, or `undefined`. Throws `user_token_repeated` for more than one. */
export function userTokenOf(pairs: HeaderPairs, tokenHeader: string): string | undefined {
  const values = valuesOf(pairs, tokenHeader);
  // Two headers joined on the way look like one with a comma, which no token has.
  if (values.length > 1 || values[0]?.includes(",")) throw new UserTokenError("user_token_repeated");
  // The lookbehind keeps a long run of white space from taking quadratic time.
  const token = values[0]?.replace(/^[ \t]*(?:bearer[ \t]+)?/i, "").replace(/(?<![ \t])[ \t]+$/, "");
  return token === "" ? undefined : token;
}

/**
 * What the platform says about the request. Read only in the hosted environment, where every request comes through
 * its gateway; elsewhere any caller could have written these headers.
 */
export function platformContext(pairs: HeaderPairs, environment: FoundryEnvironment): PlatformContext {
  const { hosted, sessionId } = environment;
  const named = hosted
    ? Object.entries(platformHeaders).flatMap(([field, header]) => {
        const value = platformId(pairs, header);
        return value === undefined ? [] : [[field, value] as const];
      })
    : [];
  return { hosted, sessionId, ...Object.fromEntries(named) };
}

function platformId(pairs: HeaderPairs, header: string): string | undefined {
  const values = valuesOf(pairs, header);
  if (values.length > 1 || values[0]?.includes(",")) {
    throw new UserTokenError("identity_header_repeated", `The header ${header} came more than once.`);
  }
  const [value = ""] = values;
  if (value === "") return undefined;
  if (/^[\x21-\x7e]{1,512}$/.test(value)) return value;
  throw new UserTokenError(
    "identity_header_invalid",
    `The header ${header} has a value that cannot be an id.`,
  );
}

/** The caller's own `x-client-*` headers, without those that may hold a user token. */
export function clientHeaders(pairs: HeaderPairs, secret: readonly string[]): Record<string, string> {
  return joined(pairs, (name) => name.startsWith(clientHeaderPrefix) && !secret.includes(name));
}

/** The tracing headers of a request. */
export function traceContext(pairs: HeaderPairs): Record<string, string> {
  return joined(pairs, (name) => traceHeaders.includes(name));
}

function joined(pairs: HeaderPairs, wanted: (name: string) => boolean): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of pairs) {
    if (!wanted(name)) continue;
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(values);
}
