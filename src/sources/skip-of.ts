import { audiencesOf } from "../entra/token-claims.js";
import type { SkippedSource } from "../errors.js";
import type { TokenRequest, TokenSource } from "./token-source.js";

/**
 * Why a source is not asked. Whoever sent a token for some resource may be that resource: for any other one no
 * source is asked, whatever it would say by itself, also one of the developer's own ("A token has one place").
 */
export function skipOf(
  source: TokenSource,
  request: TokenRequest,
): Omit<SkippedSource, "source"> | undefined {
  const { assertion, resource } = request;
  if (assertion?.use === "resource") {
    const [actual] = audiencesOf(assertion.claims);
    if (actual === undefined || !resource.audiences.includes(actual))
      return {
        reason: "wrong_audience",
        detail: `the user token is for the resource ${JSON.stringify(actual)}, and opens no other one.`,
      };
  }
  return source.skip(request);
}
